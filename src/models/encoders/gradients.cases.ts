/** Gradients of encoders beside PyTorch's and beside numeric differences, run on each backend by the files beside. */
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { prepareBackend, tf } from '../../backend/index.js';
import { goldenParameter, readGolden, uniform } from '../../../tests/helpers.js';
import type { StateDict } from '../state.js';
import type { Encoder } from './encoder.js';
import { createEncoder } from './registry.js';

/**
 * PyTorch's gradients of mean(map * uniform('output.64')) for uniform('input.64'), 2x64x64x3, with the goldens' weights
 * in eval mode: for each parameter the inner product with uniform('probe.NAME'), and the norm.
 */
interface Golden {
  loss: number;
  gradients: Record<string, [product: number, norm: number]>;
}
const goldens = readGolden('encoder_gradients.json') as Record<string, Golden>;

/** Of the gradient's norm. Seen are 3e-4, where a sum in another order lies on the other side of a ReLU's kink. */
const TOLERANCE = 1e-3;
/** Relative; the differences cross the kinks of the activations. */
const NUMERIC_TOLERANCE = 0.02;

function encoderOf(
  name: string,
  train: string,
  value: (key: string, shape: number[]) => Float32Array,
): Encoder {
  const drawn = createEncoder({ name, state: null, train: 'none', seed: 1 });
  const state: StateDict = new Map(
    [...drawn.stateDict({ classifier: false })].map(([key, { shape }]) => [
      key,
      { shape, data: value(key, shape) },
    ]),
  );
  drawn.dispose();
  return createEncoder({ name, state, train, seed: 1 });
}

const images = (side: number, batch: number) =>
  tf.tensor4d(uniform(`input.${side}`, batch * side * side * 3), [batch, side, side, 3]);

/** mean(map * fixed numbers) */
function lossOf(encoder: Encoder, x: tf.Tensor4D, after?: string): tf.Scalar {
  return tf.tidy(() => {
    const map = encoder.forward(x, null, { after });
    const weights = tf.tensor4d(uniform('output.64', map.size), map.shape);
    return tf.mean(tf.mul(map, weights));
  });
}

export function gradientCases(backend: 'native' | 'wasm'): void {
  let tensors = 0;
  beforeAll(async () => void (await prepareBackend({ backend })));
  beforeEach(() => void (tensors = tf.memory().numTensors));
  afterEach(() => expect(tf.memory().numTensors).toBe(tensors));

  it.each(Object.keys(goldens))("%s has PyTorch's gradients", (name) => {
    const golden = goldens[name];
    const encoder = encoderOf(name, 'all', goldenParameter);
    // Its variables are the probes, in the layouts of the gradients.
    const probes = encoderOf(name, 'all', (key, shape) =>
      uniform(
        `probe.${key}`,
        shape.reduce((a, b) => a * b, 1),
      ),
    ).variables();
    const variables = encoder.variables();
    expect([...variables.keys()].sort()).toEqual(Object.keys(golden.gradients).sort());
    tf.tidy(() => {
      const x = images(64, 2);
      const { value, grads } = tf.variableGrads(() => lossOf(encoder, x), [...variables.values()]);
      expect(Math.abs(value.dataSync()[0] / golden.loss - 1)).toBeLessThan(TOLERANCE);
      for (const [key, variable] of variables) {
        const gradient = grads[variable.name];
        const [product, norm] = golden.gradients[key];
        const found = tf.sum(tf.mul(gradient, probes.get(key)!)).dataSync()[0];
        // The norm of the probe: uniform numbers have the variance 1/3.
        const scale = norm * Math.sqrt(gradient.size / 3);
        expect(Math.abs(found - product) / scale, key).toBeLessThan(TOLERANCE);
        expect(Math.abs(tf.norm(gradient).dataSync()[0] / norm - 1), key).toBeLessThan(TOLERANCE);
      }
    });
    tf.dispose([...probes.values()]);
    encoder.dispose();
  });

  it.each(['resnet18', 'mobilenet_v3_small'])('%s: its gradients are the slopes of its loss', (name) => {
    const encoder = encoderOf(name, 'all', goldenParameter);
    const variables = [...encoder.variables().values()];
    tf.tidy(() => {
      const x = images(32, 1);
      const { grads } = tf.variableGrads(() => lossOf(encoder, x), variables);
      const norm = Math.sqrt(
        variables.reduce((sum, { name: key }) => sum + tf.sum(tf.square(grads[key])).dataSync()[0], 0),
      );
      // Along the gradient the slope is its norm.
      const move = (way: number) => {
        for (const variable of variables) {
          tf.tidy(() => variable.assign(tf.add(variable, tf.mul(grads[variable.name], way / norm))));
        }
        return lossOf(encoder, x).dataSync()[0];
      };
      const step = 4e-3;
      const slope = (move(step) - move(-2 * step)) / (2 * step);
      expect(Math.abs(slope / norm - 1)).toBeLessThan(NUMERIC_TOLERANCE);
    });
    encoder.dispose();
  });

  it.each([
    ['resnet18', 'layer3', 'layer2'],
    ['mobilenet_v3_small', 'features.9', 'features.8'],
  ])(
    '%s from %s on: the same map and gradients, from images and from the maps of %s',
    (name, from, below) => {
      const whole = encoderOf(name, 'all', goldenParameter);
      const part = encoderOf(name, `from-stage ${from}`, goldenParameter);
      expect(part.trainedFrom).toBe(from);
      expect(part.variables().size).toBeGreaterThan(0);
      expect(part.variables().size).toBeLessThan(whole.variables().size);
      tf.tidy(() => {
        const x = images(64, 1);
        const maps = part.forward(x, below);
        const expected = tf.variableGrads(() => lossOf(whole, x), [...whole.variables().values()]).grads;
        for (const [input, after] of [
          [x, undefined],
          [maps, below],
        ] as const) {
          const { grads } = tf.variableGrads(
            () => lossOf(part, input, after),
            [...part.variables().values()],
          );
          for (const [key, variable] of part.variables()) {
            const wanted = expected[whole.variables().get(key)!.name];
            const error = tf.norm(tf.sub(grads[variable.name], wanted)).dataSync()[0];
            expect(error / tf.norm(wanted).dataSync()[0], key).toBeLessThan(TOLERANCE);
          }
        }
      });
      whole.dispose();
      part.dispose();
    },
  );

  it('names the stages when none is meant', () => {
    const create = (train: string) => createEncoder({ name: 'small_cnn', state: null, train, seed: 1 });
    expect(() => create('from-stage top')).toThrow(/"from-stage top" names no stage of small_cnn/);
    expect(() => create('some')).toThrow(/"some" names no stage/);
  });
}
