/**
 * Five wordings of a scene. Each names everything: size, colour and shape of every object, how they lie, the ground.
 * Each wording is used once a scene, so a caption that is right in any wording equals one of the five references.
 *
 * The colour follows the shape ("a large circle in red"). A decoder learns early which word may follow which, and a colour
 * is seen long before a shape is: with the colour first it learns "no circle after red" from training captions before it
 * can see circles, and keeps to it when the test shows a red circle.
 */
import type { Ground, Scene, SceneObject } from './scenes.js';

const PLACE: Record<Ground, string> = {
  grass: 'on the grass',
  sand: 'on the sand',
  snow: 'on the snow',
  sky: 'in the sky',
  dusk: 'at dusk',
};

/** Words for a pair: the first object is left of, or above, the second. */
const PAIR = {
  left: { is: 'left of', inverse: 'right of', with: 'on its left' },
  above: { is: 'above', inverse: 'below', with: 'over it' },
} as const;

export function captionsOf(scene: Scene): string[] {
  const place = PLACE[scene.ground];
  const [first, second] = scene.objects.map(noun);
  if (scene.relation === null) return aboutOne(first, place);
  const words = PAIR[scene.relation];
  return [
    `A ${first} is ${words.is} a ${second} ${place}.`,
    `${capital(place)}, a ${first} sits ${words.is} a ${second}.`,
    `There is a ${second} ${words.inverse} a ${first} ${place}.`,
    `${capital(place)} lies a ${second}, with a ${first} ${words.with}.`,
    `${capital(words.is)} a ${second}, a ${first} shows ${place}.`,
  ];
}

function aboutOne(object: string, place: string): string[] {
  return [
    `A ${object} is all alone ${place}.`,
    `${capital(place)}, a ${object} sits all alone.`,
    `There is just one ${object} ${place}.`,
    `${capital(place)} lies a ${object}, with nothing near it.`,
    `All alone, a ${object} shows ${place}.`,
  ];
}

const noun = (object: SceneObject): string => `${object.size} ${object.shape} in ${object.colour}`;
const capital = (text: string): string => text[0].toUpperCase() + text.slice(1);
