/** Parameters as PyTorch keeps them: names, shapes and row-major layouts of a state dict. */

/** One tensor; integer tensors are read as numbers. */
export interface StateEntry {
  shape: number[];
  data: Float32Array;
}

export type StateDict = Map<string, StateEntry>;
