/** Several processes as one: who they are, sums over all of them. */
import { alone, deviceOf, launchOf, type World } from './world.js';

export {
  alone,
  deviceOf,
  differing,
  launchOf,
  type Launch,
  type PendingSum,
  type Wire,
  type World,
} from './world.js';

let joined: Promise<World> | undefined;

/**
 * The processes that this one was started with, or it alone. Further calls give the same.
 * @throws UserError where there are several and no usable MPI library
 */
export function joinWorld(environment: NodeJS.ProcessEnv): Promise<World> {
  joined ??= join(environment);
  return joined;
}

async function join(environment: NodeJS.ProcessEnv): Promise<World> {
  const launch = launchOf(environment);
  if (!launch) return alone;
  // Before TensorFlow loads.
  if (launch.localSize > 1) {
    process.env.CUDA_VISIBLE_DEVICES = deviceOf(launch, environment.CUDA_VISIBLE_DEVICES);
  }
  const { joinMpi } = await import('./mpi.js');
  return joinMpi(launch, environment);
}
