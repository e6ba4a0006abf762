/**
 * The demo's world: one or two drawn shapes on a ground. Every scene is a pure function of (seed, split, index).
 *
 * What makes the test honest: of the 30 kinds of object (a shape with a colour), 3 are kept for the test split and 2 for
 * the validation split. Training never shows them, while it shows each of their shapes and each of their colours in other
 * kinds, so a model must put together what it learned apart. Every test scene holds at least one kind of the test's, every
 * validation scene one of the validation's; so every pair of objects in them is new as well.
 */
import { Random } from '../core/index.js';

/** Side of a scene in pixels. */
export const SCENE_SIZE = 64;

export const SHAPES = ['circle', 'square', 'triangle', 'star', 'heart'] as const;
export const COLOURS = ['red', 'green', 'blue', 'yellow', 'purple', 'white'] as const;
export const SIZES = ['small', 'large'] as const;
export const GROUNDS = ['grass', 'sand', 'snow', 'sky', 'night'] as const;
/** Where the second object is seen from the first: the first is the left one, or the upper one. */
export const RELATIONS = ['left', 'above'] as const;
export const SPLITS = ['train', 'validation', 'test'] as const;

export type Shape = (typeof SHAPES)[number];
export type Colour = (typeof COLOURS)[number];
export type Size = (typeof SIZES)[number];
export type Ground = (typeof GROUNDS)[number];
export type Relation = (typeof RELATIONS)[number];
export type SplitName = (typeof SPLITS)[number];

export interface SceneObject {
  shape: Shape;
  colour: Colour;
  size: Size;
  /** Centre and radius of the enclosing circle in pixels of a 64-pixel scene. */
  x: number;
  y: number;
  radius: number;
  /** Degrees, clockwise. */
  angle: number;
}

export interface Scene {
  ground: Ground;
  /** One or two; of two, the left or the upper one first. */
  objects: SceneObject[];
  /** How the first object lies to the second; null when there is one. */
  relation: Relation | null;
  /** Seed of what the picture shows and no caption names: tufts, clouds, flakes. */
  texture: number;
}

/** A kind of object as one word, `red circle`. */
export function kindOf(object: { colour: Colour; shape: Shape }): string {
  return `${object.colour} ${object.shape}`;
}

type Kind = Pick<SceneObject, 'colour' | 'shape'>;

/** The split that a kind belongs to: no shape and no colour loses more than one of its kinds to another split. */
export function splitOfKind(kind: Kind): SplitName {
  const shape = SHAPES.indexOf(kind.shape);
  if (COLOURS.indexOf(kind.colour) !== shape) return 'train';
  return shape % 2 === 0 ? 'test' : 'validation';
}

const kinds: Kind[] = SHAPES.flatMap((shape) => COLOURS.map((colour) => ({ shape, colour })));
const kindsOf = (split: SplitName): Kind[] => kinds.filter((kind) => splitOfKind(kind) === split);

/** Radius in pixels: a small object is never taken for a large one. */
const RADIUS: Record<Size, readonly [least: number, most: number]> = { small: [7, 8.5], large: [12, 14] };
const GAP = 3; // pixels between two objects
const ALONE = 0.2; // share of scenes with one object

export function makeScene(seed: number, split: SplitName, index: number): Scene {
  const random = Random.for(seed, 'scene', split, index);
  const count = random.next() < ALONE ? 1 : 2;
  const allowed = split === 'train' ? kindsOf('train') : [...kindsOf('train'), ...kindsOf(split)];
  const chosen = [random.pick(kindsOf(split)), ...(count === 2 ? [random.pick(allowed)] : [])];
  random.shuffle(chosen);
  const objects = chosen.map((kind) => makeObject(random, kind));
  const relation = count === 2 ? random.pick(RELATIONS) : null;
  place(random, objects, relation);
  return { ground: random.pick(GROUNDS), objects, relation, texture: random.integer(2 ** 31) };
}

function makeObject(random: Random, kind: Kind): SceneObject {
  const size = random.pick(SIZES);
  const [least, most] = RADIUS[size];
  const radius = least + (most - least) * random.next();
  return { ...kind, size, x: 0, y: 0, radius, angle: 24 * random.next() - 12 };
}

/** Draws positions until nothing touches and the relation is plain to see. */
function place(random: Random, objects: SceneObject[], relation: Relation | null): void {
  do {
    for (const object of objects) {
      const free = SCENE_SIZE - 2 * object.radius - 2;
      object.x = 1 + object.radius + free * random.next();
      object.y = 1 + object.radius + free * random.next();
    }
  } while (!plain(objects, relation));
}

function plain(objects: readonly SceneObject[], relation: Relation | null): boolean {
  if (relation === null) return true;
  const [first, second] = objects;
  const right = second.x - first.x;
  const down = second.y - first.y;
  const [along, across] = relation === 'left' ? [right, down] : [down, right];
  return along >= first.radius + second.radius + GAP && Math.abs(across) <= along / 2;
}
