/**
 * The tokens of the Penn Treebank as CoreNLP's lexer sees them: a list of patterns, of which the longest match wins, and the
 * first of equally long ones. A pattern may ask for what follows; that counts for the length, but stays in the text.
 * Only what survives lower-casing and the removal of punctuation has to be told apart.
 */
import { DIGIT, LETTER, MARK, SIGN } from './characters.js';

export interface Rule {
  pattern: string;
  /** what has to follow */
  before?: string;
  /** Tokens of the match; default: the match itself. */
  tokens?(text: string): string[];
  /** Letters of either case. */
  anyCase?: boolean;
}

const apostrophe = "(?:['’]|&apos;)";
const anyApostrophe = "(?:['’`‘‛]|&apos;)";
const digit = `[0-9${DIGIT}]`;
const letter = `[A-Za-z${LETTER}]`;
/** Soft hyphens and marks stand in words as letters do. */
const wordLetter = `[A-Za-z${LETTER}${MARK}\u00ad]`;
const alphanumeric = `[0-9A-Za-z${DIGIT}${LETTER}]`;
const wordCharacter = `[0-9A-Za-z${DIGIT}${LETTER}${MARK}\u00ad]`;
const word = `${wordLetter}${wordCharacter}*(?:[.!?]${wordLetter}${wordCharacter}*)*`;
const number = `(?:${digit}*(?:[.:,\u00ad\u066b\u066c]${digit}+)+|${digit}+)`;
const clitic = `${apostrophe}(?:[msdMSD]|[rR][eE]|[vV][eE]|[lL][lL])`;
const negation = `[nN]${anyApostrophe}[tT]`;

/** Abbreviations that keep their period, even where a word goes on right behind it: "etc.b". */
const endings =
  'al ala apr ariz assn aug bancorp bhd bldg blvd bros calif co colo conn corp cos ct dak dec esq est etc ext feb fla ' +
  'fri ga inc ind intl jan jr jul jun kan kans ky ltd mar md mich minn mo mon mont neb nev nov oct okla penn plc ppte ppty ' +
  'pte ptes pty ptys rd rt sep sept seq sq sr sys tel tenn thu thurs tue tues univ va vt wed wis wisc wyo';
/** Those that keep it unless it is inside a word: "mr.smith". */
const titles =
  'adj adm adv alex assoc asst atty attys ave brig capt cf cie cmdr col comdr cpl dept det dr drs elec ens ft gen gov govs ' +
  'hon insp invt jos lieut lt maj messrs mfg mlle mme mr mrs ms msgr mt mtg natl pfc ph pres prof profs pvt rep reps rev ' +
  'sen sens sfc sgt spc st ste supt supts treas vs wm';
/** Endings that are words as well, unless they begin with a capital. */
const capitalised = 'Ark Az Del Ill La Mass Miss Ore Pa Tex Wash';
/** Those that keep it only before a number. */
const numbered = 'art ca fig figs no nos op pp prop';

/** Words that begin a sentence: the period after a single letter before them is a full stop. */
const sentenceStarts =
  'A About According Additionally After An AN As AS At AT But BUT Earlier He HE Her HER Here However If IF In IN It IT Last ' +
  'Many More Now NOW Once One ONE Other Our OUR She SHE Since So SO Some Such That The THE Their Then There These They This ' +
  'We WE What When While Yet YET You YOU';
const fileEndings =
  'bat bmp c class cgi cpp dll doc docx exe gif gz h htm html jar java jpeg jpg mov mp3 pdf php pl png ppt ps py sql tar txt wav x xml zip';

const oneOf = (list: string) =>
  `(?:${list
    .split(' ')
    .sort((a, b) => b.length - a.length)
    .join('|')})`;
const capital = (list: string) =>
  `(?:${list
    .split(' ')
    .map((each) => `${each[0]}(?:${each.slice(1)}|${each.slice(1).toUpperCase()})`)
    .join('|')})`;

const elided = `(?:[dDoOlL]${anyApostrophe}${alphanumeric})?${alphanumeric}+`; // l'homme, O'Neil
const thing = `${elided}(?:[_\\-]${elided})*`;
const hyphenated = `[A-Za-z0-9][A-Za-z0-9.,\u00ad]*(?:-(?:[A-Za-z](?:\\.[A-Za-z])+\\.|[A-Za-z0-9\u00ad]+))+`;
const smiley = "[<>]?[:;=][\\-o*']?[()DPdpO\\\\{@|\\[\\]]";

/** Brackets have names; only in capitals would they be dropped, and these are lower-cased before. */
const bracketNames: Record<string, string> = {
  '(': '-lrb-',
  ')': '-rrb-',
  '[': '-lsb-',
  ']': '-rsb-',
  '{': '-lcb-',
  '}': '-rcb-',
};
const named = (text: string) => [text.replace(/[()]/g, (bracket) => bracketNames[bracket])];

const quoteMarks: Record<string, string> = {
  '\u0091': '`',
  '‘': '`',
  '‛': '`',
  '‹': '`',
  '\u0092': "'",
  '’': "'",
  '›': "'",
  '\u0093': '``',
  '“': '``',
  '«': '``',
  '\u0094': "''",
  '”': "''",
  '»': "''",
};

const tagName = '[A-Za-z][A-Za-z0-9:.\\-]*';
const quoted = `['"][^\\r\\n'"]*['"]`;

const split = (length: number) => (text: string) => [text.slice(0, length), text.slice(length)];
/** Typographic apostrophes of clitics become straight. */
const straight = (text: string) => [text.replace(/[\u0092’]|&apos;/g, "'")];
const none = () => [];
const asIs = (token: string) => () => [token];

export const rules: Rule[] = [
  { pattern: 'cannot', tokens: split(3), anyCase: true },
  { pattern: 'gonna|gotta|lemme|gimme|wanna', tokens: split(3), anyCase: true },
  { pattern: "'t", before: 'is|was', anyCase: true },
  // Tags of SGML
  { pattern: '<[!?][A-Za-z\\-][^>\\r\\n]*>' },
  { pattern: `</?${tagName}(?: +(?:${tagName}(?: *= *${quoted})?|${quoted}| *= *))* */?>` },
  { pattern: '&(?:MD|mdash|ndash);|–', tokens: asIs('--') },
  { pattern: '&(?:HT|TL|UR|LR|QC|QL|QR|odq|cdq|#[0-9]+);' },
  { pattern: '&amp;', tokens: asIs('&'), anyCase: true },
  { pattern: '&lt;', tokens: asIs('<'), anyCase: true },
  { pattern: '&gt;', tokens: asIs('>'), anyCase: true },
  { pattern: '&(?:quot|apos|nbsp);', tokens: none, anyCase: true },
  { pattern: word, before: clitic },
  { pattern: `[A-Za-z\u00ad]*[A-MO-Za-mo-z]\u00ad*`, before: negation },
  { pattern: word },
  {
    pattern: `${apostrophe}[nN]${apostrophe}?|[lLdDjJ]${apostrophe}|Dunkin${apostrophe}|somethin${apostrophe}|[oO]l${apostrophe}`,
  },
  {
    pattern: `${apostrophe}em|C${apostrophe}mon|${apostrophe}[2-9]0s|${apostrophe}till?|${apostrophe}cause|cont'd\\.?|nor'easter|c'mon|e'er|s'mores|ev'ry|li'l|nat'l|o${anyApostrophe}o`,
    anyCase: true,
  },
  { pattern: `${letter}+[aeiouyAEIOUY]${anyApostrophe}[aeiouA-Z]${letter}*` },
  { pattern: `y${apostrophe}`, before: letter, anyCase: true },
  // Addresses
  { pattern: `https?:\\/\\/[^ \\t\\n\\f\\r"<>|()]+[^ \\t\\n\\f\\r"<>|.!?(){},\\-]` },
  {
    pattern: `(?:[^ \\t\\n\\f\\r"<>|.!?(){},]+\\.)+(?:com|net|org|edu)(?:\\/[^ \\t\\n\\f\\r"<>|()]+[^ \\t\\n\\f\\r"<>|.!?(){},\\-])?`,
    before: '[^A-Za-z]',
  },
  {
    pattern:
      '(?:&lt;|<)?[A-Za-z0-9][^ \\t\\n\\f\\r"<>|(){}]*@(?:[^ \\t\\n\\f\\r"<>|(){}.]+\\.)*[^ \\t\\n\\f\\r"<>|(){}.]+(?:&gt;|>)?',
  },
  { pattern: '@[A-Za-z_][A-Za-z_0-9]*' },
  { pattern: `#${letter}+` },
  { pattern: clitic, before: '[^A-Za-z]', tokens: straight },
  { pattern: negation, before: '[^A-Za-z]', tokens: straight },
  // Numbers
  { pattern: `${digit}{1,2}[\\-\\/]${digit}{1,2}[\\-\\/]${digit}{2,4}` },
  { pattern: `[\\-+]?${number}` },
  { pattern: `(?:${digit}{1,4}[\\- ])?${digit}{1,4}\\\\?[\\/⁄]${digit}{1,4}` },
  { pattern: '¼', tokens: asIs('1/4') },
  { pattern: '½', tokens: asIs('1/2') },
  { pattern: '¾', tokens: asIs('3/4') },
  { pattern: '⅓', tokens: asIs('1/3') },
  { pattern: '⅔', tokens: asIs('2/3') },
  {
    pattern: "-(?:RRB|LRB|RCB|LCB|RSB|LSB)-|C\\.D\\.s|pro-|anti-|S&(?:amp;)?P-500|S&(?:amp;)?Ls|Cap'n|c'est",
  },
  { pattern: `${apostrophe}[0-9][0-9]`, before: '[ \\t\\n]' },
  { pattern: '[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}(?:\\\\?\\/[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}){1,2}' },
  { pattern: '[A-Z]*\\$' },
  { pattern: '¢', tokens: asIs('cents') },
  { pattern: '£', tokens: asIs('#') },
  { pattern: '¤', tokens: asIs('$') },
  // Abbreviations
  { pattern: `${oneOf(endings)}\\.`, before: '[^][^]', anyCase: true },
  { pattern: `${capital(capitalised)}\\.`, before: '[^][^]' },
  { pattern: `${oneOf(`${endings} ${titles}`)}\\.`, anyCase: true },
  { pattern: `${capital(capitalised)}\\.` },
  { pattern: `${oneOf(numbered)}\\.`, before: `[ \\t]?${digit}`, anyCase: true },
  {
    pattern: '[A-Za-z](?:\\.[A-Za-z])*\\.',
    before: `[ \\t]+${oneOf(sentenceStarts)}[^A-Za-z0-9\\-]`,
    tokens: (text) => [text.length === 2 ? text[0] : text],
  },
  { pattern: '[A-Za-z](?:\\.[A-Za-z])*\\.' },
  { pattern: `(?:${word}|${thing}|${hyphenated})\\.`, before: '[,;:]' },
  { pattern: '(?:Ed|Ph)\\.D\\.', before: '[^][^]', anyCase: true },
  { pattern: '(?:Ed|Ph)\\.D\\.', anyCase: true },
  // Telephone numbers
  {
    pattern: `(?:\\([0-9]{2,3}\\)[ ]?|(?:\\+\\+?)?(?:[0-9]{2,4}[\\- ])?[0-9]{2,4}[\\- ])[0-9]{3,4}[\\- ]?[0-9]{3,5}`,
    tokens: named,
  },
  // Words with hyphens and other signs in them
  { pattern: hyphenated },
  { pattern: '[A-Z]+(?:(?:[+&]|&amp;)[A-Z]+)+' },
  { pattern: thing },
  { pattern: `[A-HJ-XZn]${anyApostrophe}${letter}{2,}` },
  { pattern: '[cC]\\+\\+|[cCfF]#' },
  { pattern: `${alphanumeric}+(?:\\.${alphanumeric}+)*\\.${oneOf(fileEndings)}`, before: '[ \\t\\n.?!,]' },
  // Faces
  { pattern: smiley, before: '[^A-Za-z0-9]', tokens: named },
  {
    pattern:
      "[\\-\\^x=~<>']_[\\-\\^x=~<>']|\\([\\-\\^x=~<>'][_.]?[\\-\\^x=~<>']\\)|\\([\\^x=~<>']-[\\^x=~<>'`]\\)",
    tokens: named,
  },
  { pattern: SIGN },
  { pattern: '[!?]+|#+|_+|@+' },
  { pattern: '>{1,2}|<{1,2}' },
  { pattern: '(?:\\\\\\*){1,3}' },
  { pattern: '[⁺⁻₊₋]?(?:[⁰¹²³⁴-⁹]+|[₀-₉]+)' },
  { pattern: '\\*+' },
  // Punctuation that is dropped
  { pattern: '\\.{3,5}|(?:\\.[ ]){2,4}\\.|…', tokens: none },
  { pattern: '-{1,4}', tokens: none },
  { pattern: '-{5,}' },
  { pattern: '[=+~^|\\\\%&\\/]' },
  { pattern: '’(?:[msdMSD]|[rR][eE]|[vV][eE]|[lL][lL])', tokens: straight },
  { pattern: "'", before: '[A-Za-z][^ \\t\\n]', tokens: none },
  { pattern: "''|``", tokens: none },
  { pattern: '[()[\\]{}]', tokens: (text) => [bracketNames[text]] },
  {
    pattern: '[‘’‚‛“”„‟‹›«»`]{1,2}',
    tokens: (text) => [text.replace(/./g, (mark) => quoteMarks[mark] ?? mark)],
  },
];
