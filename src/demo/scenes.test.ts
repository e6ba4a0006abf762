import { describe, expect, it } from 'vitest';
import { fnv1a } from '../core/index.js';
import { drawScene } from './drawing.js';
import { COLOURS, GROUNDS, kindOf, makeScene, SCENE_SIZE, SHAPES, SIZES, splitOf, SPLITS } from './scenes.js';
import type { Scene, SplitName } from './scenes.js';
import { captionsOf } from './wording.js';

const scenes = (split: SplitName, count = 400): Scene[] =>
  Array.from({ length: count }, (_, index) => makeScene(1, split, index));

/** Kinds of object with the ground they stand on. */
const combinationsIn = (list: Scene[]): Set<string> =>
  new Set(list.flatMap(({ objects, ground }) => objects.map((object) => `${kindOf(object)} on ${ground}`)));

const combinationsOf = (split: SplitName): string[] =>
  SHAPES.flatMap((shape) => COLOURS.map((colour) => ({ shape, colour }))).flatMap((kind) =>
    GROUNDS.filter((ground) => splitOf(kind, ground) === split).map(
      (ground) => `${kindOf(kind)} on ${ground}`,
    ),
  );

describe('scenes', () => {
  it('are the same for the same seed, split and index, to the byte of their drawings and captions', () => {
    const all = SPLITS.flatMap((split) => scenes(split, 50));
    const text = all.map((scene) => drawScene(scene) + captionsOf(scene).join()).join('\n');
    // Written down when the demo's scores were measured: another hash is another data set.
    expect(fnv1a(text).toString(16)).toBe('3e6a372a');
    expect(makeScene(2, 'train', 0)).not.toEqual(makeScene(1, 'train', 0));
  });

  it('keep combinations of the test and validation splits out of the other splits', () => {
    const sizes = SPLITS.map((split) => combinationsOf(split).length);
    expect(sizes).toEqual([120, 19, 11]); // train, validation, test
    const trained = combinationsIn(scenes('train', 3000));
    expect([...trained].sort()).toEqual(combinationsOf('train').sort());
    for (const split of ['validation', 'test'] as const) {
      const other = split === 'test' ? 'validation' : 'test';
      const seen = combinationsIn(scenes(split));
      expect(combinationsOf(other).filter((combination) => seen.has(combination))).toEqual([]);
      for (const { objects, ground } of scenes(split))
        expect(objects.some((object) => splitOf(object, ground) === split)).toBe(true);
    }
  });

  it('show every shape, colour, size and ground in training', () => {
    const train = scenes('train');
    const objects = train.flatMap((scene) => scene.objects);
    expect(new Set(objects.map(({ shape }) => shape)).size).toBe(SHAPES.length);
    expect(new Set(objects.map(({ colour }) => colour)).size).toBe(COLOURS.length);
    expect(new Set(objects.map(({ size }) => size)).size).toBe(SIZES.length);
    expect(new Set(train.map(({ ground }) => ground)).size).toBe(GROUNDS.length);
  });

  it('lie inside the picture, apart from each other, the first to the left of or above the second', () => {
    for (const { objects, relation } of SPLITS.flatMap((split) => scenes(split))) {
      for (const { x, y, radius } of objects) {
        expect(Math.min(x, y) - radius).toBeGreaterThanOrEqual(0);
        expect(Math.max(x, y) + radius).toBeLessThanOrEqual(SCENE_SIZE);
      }
      expect(objects.length).toBe(relation ? 2 : 1);
      if (!relation) continue;
      const [a, b] = objects;
      expect(Math.hypot(a.x - b.x, a.y - b.y)).toBeGreaterThan(a.radius + b.radius);
      if (relation === 'left') expect(b.x - a.x).toBeGreaterThan(Math.abs(b.y - a.y));
      else expect(b.y - a.y).toBeGreaterThan(Math.abs(b.x - a.x));
    }
  });
});

/** What a caption says, read word by word and without the generator's templates. */
function read(caption: string): { objects: string[]; ground: string; first: number | null } {
  const text = caption.toLowerCase().replace(/[^a-z ]/g, '');
  const objects = [...text.matchAll(/(small|large) (circle|square|triangle|star|heart) in (\w+)/g)].map(
    ([, size, shape, colour]) => `${size} ${colour} ${shape}`,
  );
  const [, ground] = /(?:on the|in the|at) (grass|sand|snow|sky|dusk)/.exec(text)!;
  if (objects.length === 1) return { objects, ground, first: null };
  // Which of the two, in order of mention, is the left or upper one.
  const mentionedLast = /(right of|below|on its left|over it)|^(left of|above)/.test(text);
  return { objects, ground, first: mentionedLast ? 1 : 0 };
}

describe('captions', () => {
  it('say what the scene holds, all of it, in five wordings', () => {
    for (const scene of SPLITS.flatMap((split) => scenes(split))) {
      const captions = captionsOf(scene);
      expect(new Set(captions).size).toBe(5);
      const truth = scene.objects.map(({ size, colour, shape }) => `${size} ${colour} ${shape}`);
      for (const caption of captions) {
        const { objects, ground, first } = read(caption);
        expect(ground, caption).toBe(scene.ground);
        expect(first === 1 ? objects.reverse() : objects, caption).toEqual(truth);
        expect(/left|right/i.test(caption), caption).toBe(scene.relation === 'left');
        expect(/above|below|over/i.test(caption), caption).toBe(scene.relation === 'above');
      }
    }
  });
});
