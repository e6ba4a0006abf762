/** `name#n<TAB>caption`, n the number of the caption: the form in which Flickr8k and Flickr30k were published. */
import { addCaption, recordProblem, type CaptionReader, type CaptionsByImage } from './reader.js';

export const flickrToken: CaptionReader = {
  accepted: 'lines name#n<TAB>caption',
  lines: 'plain',
  read(text, _file, bad) {
    const captions: CaptionsByImage = new Map();
    text.split(/\r\n|\n|\r/).forEach((content, i) => {
      if (content.trim() === '') return;
      const record = /^(.*)#\d+\t(.*)$/.exec(content);
      const problem = record
        ? recordProblem(record[1].trim(), record[2].trim())
        : content.includes('\t')
          ? 'no #n after the image name'
          : 'no tab between name#n and the caption';
      if (record && !problem) addCaption(captions, record[1].trim(), record[2].trim());
      else bad.push({ line: i + 1, why: problem ?? '' });
    });
    return { captions };
  },
};
