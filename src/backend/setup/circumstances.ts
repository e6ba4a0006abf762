/** When an attempt that failed is worth repeating by itself. */
import { createHash } from 'node:crypto';
import { addonRecipe, tensorflowSeries } from '../runtime.js';
import type { RememberedFailure } from './memory.js';
import { toolsOnPath } from './tools.js';
import type { World } from './world.js';

/** A network may be back tomorrow, a disk emptied; nothing on this machine tells. */
const memoryMs = 24 * 3600 * 1000;

/** A hash of everything at hand that set-up depends on; costs a few look-ups of files and no process. */
export function circumstances({ environment, platform, arch }: World): string {
  const settings = Object.entries(environment)
    .filter(([name]) => /^(PIP_.*|https?_proxy|all_proxy|no_proxy|CXX)$/i.test(name))
    .sort();
  const facts = [
    [process.version, platform, arch],
    [tensorflowSeries, addonRecipe()],
    toolsOnPath(environment),
    settings,
  ];
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 16);
}

/** Whether to leave a runtime alone because the last attempt failed as another would now. */
export function stillHopeless(failure: RememberedFailure | undefined, world: World): boolean {
  if (!failure || failure.circumstances !== circumstances(world)) return false;
  const age = world.now() - failure.time;
  return age >= 0 && age < memoryMs;
}
