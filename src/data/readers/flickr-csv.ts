/** CSV with a header that has the columns `image` and `caption`, in any order among others; Kaggle's Flickr8k. */
import { UserError } from '../../core/index.js';
import { csvRows, rowProblem } from './csv-rows.js';
import { addCaption, recordProblem, type CaptionReader, type CaptionsByImage } from './reader.js';

export const flickrCsv: CaptionReader = {
  accepted:
    'CSV with the header image,caption and one record a line; a caption with a comma stands in double quotes',
  lines: 'with header',
  read(text, file, bad) {
    const rows = csvRows(text, bad);
    const header = rows[0]?.record ?? [];
    const imageColumn = header.indexOf('image');
    const captionColumn = header.indexOf('caption');
    if (imageColumn === -1 || captionColumn === -1) {
      throw new UserError(`${file}:1: no header with the columns image and caption.`, {
        hint: `Accepted: ${this.accepted}. For lines name#n<TAB>caption set data.format: flickr-token.`,
      });
    }
    const captions: CaptionsByImage = new Map();
    for (const row of rows.slice(1)) {
      const image = row.record[imageColumn] ?? '';
      const caption = row.record[captionColumn] ?? '';
      const problem = rowProblem(row, header) ?? recordProblem(image, caption);
      if (problem) bad.push({ line: row.line, why: problem });
      else addCaption(captions, image, caption);
    }
    return { captions };
  },
};
