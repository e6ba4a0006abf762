/** How captions of different lengths are ranked. */
import type { Search } from './options.js';

/**
 * What a log-probability is divided by before captions are compared:
 * - `none`: 1, the caption's probability itself, which favours short captions;
 * - `average`: its tokens, as in Show, Attend and Tell's code and many others;
 * - `wu`: ((5 + tokens) / 6)^alpha of Wu et al. 2016, equation 14, without its coverage term.
 * @param tokens words, and the end if there is one
 */
function penalty(tokens: number, { lengthPenalty, wuAlpha }: PenaltySettings): number {
  if (lengthPenalty === 'none') return 1;
  if (lengthPenalty === 'average') return Math.max(1, tokens);
  return ((5 + tokens) / 6) ** wuAlpha;
}

type PenaltySettings = Pick<Search, 'lengthPenalty' | 'wuAlpha'>;

/** What captions are ranked by: the log-probability, divided by the length penalty. */
export function rankingScore(logProbability: number, tokens: number, settings: PenaltySettings): number {
  return logProbability / penalty(tokens, settings);
}

/**
 * The best score that an open caption can still reach: its log-probability only falls, and nothing divides it by more
 * than the longest caption's penalty.
 */
export function bestPossibleScore(
  logProbability: number,
  settings: PenaltySettings & Pick<Search, 'maxWords'>,
): number {
  return rankingScore(logProbability, settings.maxWords + 1, settings);
}
