/**
 * The demo's world: one or two drawn shapes on a ground. Every scene is a pure function of (seed, split, index).
 *
 * What makes the test honest: each of the 30 kinds of object (a shape with a colour) is kept off one of the five
 * grounds, in training. 11 of these 30 combinations of kind and ground belong to the test split, 19 to the validation
 * split, and every scene of those splits holds at least one of its own. A model must put together what it learned apart.
 */
import { Random } from '../core/index.js';

/** Side of a scene in pixels. */
export const SCENE_SIZE = 64;

export const SHAPES = ['circle', 'square', 'triangle', 'star', 'heart'] as const;
export const COLOURS = ['red', 'green', 'blue', 'yellow', 'purple', 'black'] as const;
export const SIZES = ['small', 'large'] as const;
export const GROUNDS = ['grass', 'sand', 'snow', 'sky', 'dusk'] as const;
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

/** The split that owns a kind of object on a ground: of the five grounds of a kind, training lacks exactly one. */
export function splitOf(kind: Kind, ground: Ground): SplitName {
  const sum = SHAPES.indexOf(kind.shape) + COLOURS.indexOf(kind.colour) + GROUNDS.indexOf(ground);
  return sum % 10 === 0 ? 'test' : sum % 5 === 0 ? 'validation' : 'train';
}

const kinds: Kind[] = SHAPES.flatMap((shape) => COLOURS.map((colour) => ({ shape, colour })));
const kindsOf = (split: SplitName, ground: Ground): Kind[] =>
  kinds.filter((kind) => splitOf(kind, ground) === split);

/** Radius in pixels: a small object is never taken for a large one. */
const RADIUS: Record<Size, readonly [least: number, most: number]> = { small: [7, 8.5], large: [12, 14] };
const GAP = 3; // pixels between two objects
const ALONE = 0.3; // share of scenes with one object

export function makeScene(seed: number, split: SplitName, index: number): Scene {
  const random = Random.for(seed, 'scene', split, index);
  const ground = random.pick(GROUNDS);
  const count = random.next() < ALONE ? 1 : 2;
  const own = kindsOf(split, ground);
  const allowed = split === 'train' ? own : [...kindsOf('train', ground), ...own];
  const chosen = [random.pick(own), ...(count === 2 ? [random.pick(allowed)] : [])];
  random.shuffle(chosen);
  const objects = chosen.map((kind) => makeObject(random, kind));
  const relation = count === 2 ? random.pick(RELATIONS) : null;
  place(random, objects, relation);
  return { ground, objects, relation, texture: random.integer(2 ** 31) };
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
