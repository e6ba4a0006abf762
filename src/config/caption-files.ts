import type { DataConfig, SplitFiles } from './schema.js';

/** The captions files that a config names, with the split whose captions they hold where there is one a split. */
export function captionFilesOf({
  captions,
}: Pick<DataConfig, 'captions'>): { file: string; split?: keyof SplitFiles }[] {
  if (typeof captions === 'string') return [{ file: captions }];
  const bySplit = Object.entries(captions ?? {}) as [keyof SplitFiles, string | undefined][];
  return bySplit.flatMap(([split, file]) => (file === undefined ? [] : [{ split, file }]));
}
