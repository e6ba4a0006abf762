/** What is wrong with the images of a data set, one by one and among each other. */
import type { Config } from '../../config/index.js';
import { UserError } from '../../core/index.js';
import { imageSize } from '../preprocess.js';
import type { CaptionedImage, SplitName } from '../readers/index.js';
import type { ImageFacts, ImageProblem } from './image-facts.js';
import { nearGroups } from './near-groups.js';
import type { FindingItem, Findings } from './report.js';

export type Splits = ReadonlyMap<SplitName, readonly CaptionedImage[]>;

/** Pixels above which decoding an image costs a tenth of a second and more, at each reading. */
const LARGE_PIXELS = 24e6;

type Usable = Exclude<ImageFacts, { problem: unknown }>;
const isUsable = (facts: ImageFacts | undefined): facts is Usable =>
  facts !== undefined && !('problem' in facts);

/** Adds missing, damaged, oversize and undersize images. */
export function checkFiles(
  splits: Splits,
  facts: ReadonlyMap<string, ImageFacts>,
  config: Config,
  findings: Findings,
): void {
  const { onBadImage } = config.data;
  const severity = onBadImage === 'error' ? 'error' : 'warning';
  const outcome = onBadImage === 'error' ? 'a training ends at them' : 'a training leaves them out';
  const kinds: Record<ImageProblem, (n: string) => string> = {
    missing: (n) => `${n} images are missing in ${config.data.images}; ${outcome}`,
    truncated: (n) => `${n} image files are cut off; ${outcome}`,
    corrupt: (n) => `${n} image files cannot be decoded; ${outcome}`,
    oversize: (n) => `${n} images have more pixels than are decoded; ${outcome}`,
  };
  const bySplit = splitsOf(splits);
  for (const [kind, message] of Object.entries(kinds) as [ImageProblem, (n: string) => string][]) {
    const items: string[] = [];
    for (const [image, found] of facts) {
      if (isUsable(found) || found.problem.kind !== kind) continue;
      items.push(
        kind === 'missing'
          ? named(image, bySplit)
          : `${found.problem.message} (${splitText(image, bySplit)})`,
      );
    }
    findings.add(`${kind}-image`, severity, items, message);
  }
  for (const [name, images] of splits) {
    if (images.length === 0 || images.some(({ image }) => isUsable(facts.get(image)))) continue;
    findings.add('no-image-left', 'error', [name], () => `No image of the ${name} split can be used`);
  }
  checkSizes(facts, config, findings);
}

function checkSizes(facts: ReadonlyMap<string, ImageFacts>, { image }: Config, findings: Findings): void {
  let least: number;
  try {
    least = Math.min(...imageSize(image));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    findings.add('settings', 'error', [error.message], () => 'Images would have different sizes');
    return;
  }
  const large: string[] = [];
  const small: string[] = [];
  for (const [name, found] of facts) {
    if (!isUsable(found)) continue;
    const { width, height } = found;
    if (width * height > LARGE_PIXELS) large.push(`${name}: ${width}x${height}`);
    if (Math.min(width, height) < least) small.push(`${name}: ${width}x${height}`);
  }
  findings.add(
    'large-image',
    'note',
    large,
    (n) => `${n} images have more than ${LARGE_PIXELS / 1e6} million pixels, which cost time at each reading`,
  );
  findings.add(
    'small-image',
    'note',
    small,
    (n) =>
      `${n} images have a side below the ${least} pixels that the encoder sees; they are enlarged or padded`,
  );
}

/** Adds images that are the same by name, by content or by look, within and across splits. */
export function checkSame(
  splits: Splits,
  facts: ReadonlyMap<string, ImageFacts>,
  { onSharedImages }: Config['data'],
  findings: Findings,
): void {
  const bySplit = splitsOf(splits);
  const severity = onSharedImages === 'error' ? 'error' : 'warning';
  const outcome = 'scores on them do not measure unseen images';
  const sharedNames = [...bySplit]
    .filter(([, names]) => names.length > 1)
    .map(([image]) => named(image, bySplit));
  findings.add(
    'shared-name',
    severity,
    sharedNames,
    (n) => `${n} images are in more than one split; ${outcome}`,
  );

  const byContent = new Map<string, string[]>();
  for (const [image, found] of facts) {
    if (!isUsable(found)) continue;
    byContent.set(found.sha256, [...(byContent.get(found.sha256) ?? []), image]);
  }
  const contents = [...byContent.values()];
  const item = (images: string[]): FindingItem => ({
    text: images.map((image) => named(image, bySplit)).join(' = '),
    images,
  });
  const crosses = (images: string[]) => new Set(images.flatMap((image) => bySplit.get(image) ?? [])).size > 1;
  const [sharedContent, duplicates] = divide(
    contents.filter(({ length }) => length > 1),
    crosses,
  );
  findings.add(
    'shared-content',
    severity,
    sharedContent.map(item),
    (n) => `${n} groups of the same file under different names are in more than one split; ${outcome}`,
  );
  const prints = contents.map(([first]) => (facts.get(first) as Usable).fingerprint);
  const near = nearGroups(prints).map((group) => group.flatMap((i) => contents[i]));
  const [sharedLook, nearDuplicates] = divide(near, crosses);
  findings.add(
    'shared-look',
    'warning',
    sharedLook.map(item),
    (n) => `${n} groups of images that look alike are in more than one split; look at them`,
  );
  findings.add(
    'duplicate',
    'warning',
    duplicates.map(item),
    (n) => `${n} groups of the same file within a split`,
  );
  findings.add(
    'near-duplicate',
    'note',
    nearDuplicates.map(item),
    (n) => `${n} groups of images that look alike within a split`,
  );
}

function divide<T>(items: readonly T[], first: (item: T) => boolean): [T[], T[]] {
  return [items.filter(first), items.filter((item) => !first(item))];
}

/** The splits that each image is in. */
function splitsOf(splits: Splits): Map<string, SplitName[]> {
  const found = new Map<string, SplitName[]>();
  for (const [name, images] of splits) {
    for (const { image } of images) found.set(image, [...(found.get(image) ?? []), name]);
  }
  return found;
}

const splitText = (image: string, bySplit: ReadonlyMap<string, SplitName[]>) =>
  (bySplit.get(image) ?? []).join(' and ');
const named = (image: string, bySplit: ReadonlyMap<string, SplitName[]>) =>
  `${image} (${splitText(image, bySplit)})`;
