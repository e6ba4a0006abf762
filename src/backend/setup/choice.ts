/** What `showtell setup` was asked for: which places that means, and what later runs remember of it. */
import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { UserError, writeFileAtomic } from '../../core/index.js';
import { nativePlaces, runtimePlace, type Place } from '../candidates.js';
import { choicePath, type RuntimeChoice } from '../runtime.js';

export interface SetupRequest {
  /** TensorFlow for the CPU, even where a GPU is. */
  cpu?: boolean;
  /** TensorFlow for CUDA. */
  cuda?: boolean;
  /** A directory with TensorFlow's libraries and headers. */
  libtensorflow?: string;
  /** Forget an earlier choice. */
  auto?: boolean;
  /** Build anew what is there already. */
  force?: boolean;
}

export interface AppliedChoice {
  /** Best first. */
  places: Place[];
  /** Whether the request itself names the one place. */
  explicit: boolean;
  /** Call it once a place is ready. */
  remember(): void;
}

export function applyChoice(request: SetupRequest, environment: NodeJS.ProcessEnv): AppliedChoice {
  const { cpu, cuda, libtensorflow, auto } = request;
  const named = Object.entries({ cpu, cuda, libtensorflow, auto })
    .filter(([, value]) => value !== undefined && value !== false)
    .map(([name]) => `--${name}`);
  if (named.length > 1) {
    throw new UserError(`${named.join(' and ')} exclude each other`, { hint: 'give one of them' });
  }
  if (libtensorflow === '') throw new UserError('--libtensorflow needs a directory');
  const path = choicePath(environment);
  if (auto) {
    rmSync(path, { force: true });
    return { places: nativePlaces(environment), explicit: false, remember: () => undefined };
  }
  if (named.length === 0) {
    return { places: nativePlaces(environment), explicit: false, remember: () => undefined };
  }
  const directory = libtensorflow === undefined ? undefined : resolve(libtensorflow);
  const overruling = environment.SHOWTELL_LIBTENSORFLOW;
  if (overruling && (directory === undefined || resolve(overruling) !== directory)) {
    throw new UserError(`${named[0]} would have no effect: SHOWTELL_LIBTENSORFLOW is ${overruling}`, {
      hint: 'unset SHOWTELL_LIBTENSORFLOW first',
    });
  }
  const choice: RuntimeChoice = directory ? { libtensorflow: directory } : { variant: cuda ? 'cuda' : 'cpu' };
  return {
    places: [runtimePlace(environment, choice.variant ?? 'directory', directory)],
    explicit: true,
    remember: () => writeFileAtomic(path, `${JSON.stringify(choice, null, 2)}\n`),
  };
}
