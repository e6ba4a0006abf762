/** A report for the terminal. */
import type { CheckReport, Finding, SplitReport } from './report.js';

/** Items shown of one finding. */
const SHOWN = 5;

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
export const count = (value: number): string => value.toLocaleString('en');

/** Captions of an image, as `5` or `3 to 5, mostly 5`. */
export function captionsPerImage({ captionsPerImage }: SplitReport): string {
  const entries = Object.entries(captionsPerImage).map(([n, images]) => [Number(n), images]);
  if (entries.length === 0) return 'none';
  if (entries.length === 1) return String(entries[0][0]);
  const numbers = entries.map(([n]) => n);
  const [usual] = [...entries].sort(([, a], [, b]) => b - a)[0];
  return `${Math.min(...numbers)} to ${Math.max(...numbers)}, mostly ${usual}`;
}

export const words = ({ words }: SplitReport): string =>
  `mean ${words.mean.toFixed(1)}, median ${words.median}, 95 % up to ${words.p95}, most ${words.most}`;

export function sizes({ images: { checked, usable, bytes, width, height } }: CheckReport): string {
  const files = `${count(checked)} images, ${count(usable)} usable, ${(bytes / 1e6).toFixed(0)} MB`;
  if (!width || !height) return files;
  const range = ([least, median, most]: number[]) =>
    least === most ? `${least}` : `${least} to ${most}, median ${median}`;
  return `${files}; width ${range(width)}, height ${range(height)} pixels`;
}

export function verdict({ stops, findings }: CheckReport): string {
  if (stops) return 'A training would end with this data.';
  return findings.some(({ severity }) => severity === 'warning')
    ? 'A training would run; read the warnings first.'
    : 'Nothing stands in the way of a training.';
}

/** @returns lines of text */
export function reportLines(report: CheckReport): string[] {
  const lines: string[] = [];
  for (const [name, split] of Object.entries(report.splits)) {
    lines.push(
      `${name}: ${count(split.images)} images, ${count(split.captions)} captions (${captionsPerImage(split)} an image), ` +
        `${count(split.types)} different words` +
        (split.covered === null ? '' : `, ${percent(split.covered)} covered`),
      `  words of a caption: ${words(split)}`,
    );
  }
  if (report.vocabulary) {
    const { size, minCount, types } = report.vocabulary;
    lines.push(`vocabulary: ${count(size)} entries; ${count(types)} words before text.minCount ${minCount}`);
  }
  lines.push(sizes(report));
  for (const finding of report.findings) lines.push('', ...findingLines(finding));
  return [...lines, '', verdict(report)];
}

function findingLines({ severity, message, items, count: all }: Finding): string[] {
  const shown = items.slice(0, SHOWN).flatMap(({ text }) => text.split('\n').map((line) => `  ${line}`));
  if (all > SHOWN) shown.push(`  and ${count(all - SHOWN)} more`);
  return [`${severity}: ${message}`, ...shown];
}
