/** A process of its own that tries what `mpi.ts` will call: exit code 0 if all of it computes. */
import { openLibrary } from './library.js';
import { connect } from './mpi.js';

const world = connect(openLibrary(process.env), { by: 'nobody', size: 1, localSize: 1 });
const values = new Float32Array(new ArrayBuffer(12));
values.set([1, 2, 3]);
world.sum(values);
world.broadcast(values);
for (const wire of ['float32', 'bfloat16'] as const) world.startSum(values, wire).finish();
const right = values.join() === '1,2,3' && world.gather('è').join() === 'è';
world.end();
process.exit(right ? 0 : 1);
