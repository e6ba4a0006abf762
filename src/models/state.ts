/** Parameters as PyTorch keeps them: names, shapes and row-major layouts of a state dict. */

/** One tensor; integer tensors are read as numbers. */
export interface StateEntry {
  shape: number[];
  data: Float32Array;
}

export type StateDict = Map<string, StateEntry>;

/** The entries whose names begin with `prefix`, without it. */
export function partOf(state: StateDict, prefix: string): StateDict {
  return new Map(
    [...state]
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, entry]) => [name.slice(prefix.length), entry]),
  );
}
