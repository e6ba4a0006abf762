/**
 * ROUGE-L (Lin 2004) as pycocoevalcap computes it: the longest common subsequence of hypothesis and reference; the
 * largest precision and the largest recall are taken over the references independently.
 */
import { checkInput, type Tokens } from './input.js';
import { meanScored, type Scored } from './scored.js';

/** Weight of recall over precision in the F measure. */
const BETA = 1.2;

/**
 * @param hypotheses one tokenised caption for each image
 * @param references one or more tokenised captions for each image
 * @param names of the images, for error messages; default: their numbers
 * @returns scores in 0..1; the corpus' is the mean over its images
 * @throws UserError for an image without a reference
 */
export function rougeL(
  hypotheses: readonly Tokens[],
  references: readonly (readonly Tokens[])[],
  names?: readonly string[],
): Scored {
  checkInput('ROUGE-L', hypotheses, references, names);
  return meanScored(hypotheses.map((hypothesis, i) => imageScore(hypothesis, references[i])));
}

function imageScore(hypothesis: Tokens, references: readonly Tokens[]): number {
  let precision = 0;
  let recall = 0;
  for (const reference of references) {
    const common = longestCommonSubsequence(hypothesis, reference);
    // The reference tool splits an empty text into one empty word.
    precision = Math.max(precision, common / Math.max(1, hypothesis.length));
    recall = Math.max(recall, common / Math.max(1, reference.length));
  }
  if (precision === 0 || recall === 0) return 0;
  return ((1 + BETA ** 2) * precision * recall) / (recall + BETA ** 2 * precision);
}

/** Length of the longest common subsequence; two empty texts have their empty word in common. */
function longestCommonSubsequence(a: Tokens, b: Tokens): number {
  if (a.length === 0 && b.length === 0) return 1;
  // lengths[j]: of the words of `a` so far and the first j words of `b`
  const lengths = new Int32Array(b.length + 1);
  for (const word of a) {
    let diagonal = 0;
    for (let j = 1; j <= b.length; j++) {
      const above = lengths[j];
      lengths[j] = b[j - 1] === word ? diagonal + 1 : Math.max(above, lengths[j - 1]);
      diagonal = above;
    }
  }
  return lengths[b.length];
}
