/** What all metrics take, and refuse alike. */
import { UserError } from '../core/index.js';

/** A tokenised caption. */
export type Tokens = readonly string[];

/**
 * @param hypotheses one for each image
 * @param references one or more for each image
 * @param names of the images, for the message; default: their numbers
 * @throws UserError when they do not fit together
 */
export function checkInput(
  metric: string,
  hypotheses: readonly Tokens[],
  references: readonly (readonly Tokens[])[],
  names?: readonly string[],
): void {
  if (hypotheses.length !== references.length) {
    throw new UserError(
      `${metric} got ${hypotheses.length} hypotheses and references of ${references.length} images; it needs one hypothesis for each image.`,
    );
  }
  if (hypotheses.length === 0) throw new UserError(`${metric} got no image: there is nothing to score.`);
  const bare = references.findIndex((captions) => captions.length === 0);
  if (bare >= 0) {
    throw new UserError(
      `${metric} needs a reference for every image; ${names?.[bare] ?? `image ${bare}`} has none.`,
      {
        hint: 'Leave the image out, or add at least one reference caption for it.',
      },
    );
  }
}
