/** Several processes as one: who they are, sums over all of them. */
import { alone, launchOf, type World } from './world.js';

export { alone, launchOf, type Launch, type World } from './world.js';

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
  const { joinMpi } = await import('./mpi.js');
  return joinMpi(launch, environment);
}
