/** All metrics beside pycocoevalcap, on the texts that it tokenised. */
import { describe, expect, it } from 'vitest';
import { readGolden } from '../../tests/helpers.js';
import { bleu, ciderD, rougeL, type Scored } from './index.js';

interface Golden {
  references: Record<string, string[][]>;
  cases: {
    name: string;
    references: string;
    hypotheses: string[];
    bleu: number[];
    bleu_images: number[][];
    cider: number;
    cider_images: number[];
    rouge: number;
    rouge_images: number[];
  }[];
}

const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');
const golden = readGolden('metrics.json') as Golden;

/** The same double arithmetic: room for the order of sums and the last digits of exp, log and pow only. */
const TOLERANCE = 1e-9;

function expectScores(
  { score, perImage }: Pick<Scored, 'score' | 'perImage'>,
  corpus: number,
  images: number[],
) {
  expect(Math.abs(score - corpus)).toBeLessThan(TOLERANCE);
  expect(perImage).toHaveLength(images.length);
  images.forEach((expected, i) => expect(Math.abs(perImage[i] - expected)).toBeLessThan(TOLERANCE));
}

describe.each(golden.cases)('pycocoevalcap, $name', (expected) => {
  const hypotheses = expected.hypotheses.map(words);
  const references = golden.references[expected.references].map((captions) => captions.map(words));

  it('BLEU', () => {
    const result = bleu(hypotheses, references);
    for (let n = 0; n < 4; n++) {
      const perImage = result.perImage.map((scores) => scores[n]);
      expectScores({ score: result.bleu[n], perImage }, expected.bleu[n], expected.bleu_images[n]);
    }
  });
  it('CIDEr-D', () => expectScores(ciderD(hypotheses, references), expected.cider, expected.cider_images));
  it('ROUGE-L', () => expectScores(rougeL(hypotheses, references), expected.rouge, expected.rouge_images));
});

it('covers the eight cases of the golden', () => expect(golden.cases).toHaveLength(8));
