/** The interface in English and Russian. Captions stay in the language of the models, English. */

import { keep, recall } from './store.js';

/** `{name}` is a value; `{name|one|few|many}` the form of a word that goes with it, in the language's order of forms. */
const en = {
  tagline: 'What models see in your photos, and where they look while they say it.',
  language: 'Language',
  addPhotos: 'Add photos',
  intakeHint: 'Choose them, drop them anywhere on the page, or paste one.',
  choose: 'Choose photos',
  camera: 'Camera',
  takePhoto: 'Take the photo',
  cancel: 'Cancel',
  cameraRefused: 'The camera cannot be used: {why}',
  tokenLabel: 'Access token',
  tokenSend: 'Use it',
  settings: 'Settings',
  photosTitle: 'Photos and their captions',
  privacy: 'Photos go to this service only; it does not keep them.',
  apiLink: 'API for programs',
  dropHere: 'Drop the photos here',
  loading: 'Looking for the models…',
  unreachable: 'The service cannot be reached.',
  tryAgain: 'Try again',
  ready: 'Ready: {models}.',
  queued: 'In the queue…',
  sending: 'Sending…',
  looking: 'Looking…',
  waiting: 'The service is busy; trying again…',
  remove: 'Remove {name}',
  pasted: 'pasted photo',
  taken: 'photo from the camera',
  pixels: '{name}, {width} × {height} {height|pixel|pixels}',
  unseen: 'Grey: outside of what the models see.',
  'error-empty_image': 'The file is empty.',
  'error-unsupported_image':
    'This is not a photo of a kind that can be read (JPEG, PNG, WebP, GIF, TIFF, AVIF).',
  'error-damaged_image': 'The photo is damaged or incomplete. Open it in another program, and save it anew.',
  'error-animated_image':
    'This is an animation, or has several pages. A single picture of it can be captioned.',
  'error-too_many_pixels':
    'The photo has more than {pixels} million {pixels|pixel|pixels}. Make it smaller first.',
  'error-body_too_large': 'The file is larger than {size} MiB.',
  'error-busy': 'Too many photos are waiting.',
  'error-stopping': 'The service is stopping.',
  'error-deadline': 'The photo was not captioned in the time that the service allows.',
  'error-model_failed': 'The model failed while it captioned the photo.',
  'error-internal': 'Something failed in the service.',
  'error-unauthorized': 'This service asks for an access token.',
  'error-broken_off': 'The answer broke off.',
  error: '{text}',
  noWords: 'A caption without words',
  noAttention: 'This model sees the whole photo at once; it has no attention to show.',
  words: 'Words of the caption',
  play: 'Play',
  pause: 'Pause',
  playHint: 'Point at a word, or play: what stays clear is where the model looked.',
  wordNote: '“{word}”: looked as widely as {cells} of {all} {all|cell|cells}',
  captions: 'Captions found, likeliest first',
  probability: 'probability {share}',
  unfinished: 'cut off',
  announce: '{model} on {name}: {caption}',
  again: 'Caption again',
  strategy: 'How words are chosen',
  greedy: 'the likeliest word each time',
  beam: 'beam search',
  'diverse-beam': 'diverse beam search',
  sample: 'drawn at random',
  beamWidth: 'Beam width',
  lengthPenalty: 'Compare captions by',
  none: 'probability',
  average: 'mean over the words',
  wu: 'Wu’s length penalty',
  minWords: 'Fewest words',
  maxWords: 'Most words',
  temperature: 'Temperature',
  topP: 'Top-p',
  seed: 'Seed',
  from: 'A number from {least} to {most}.',
  fromWhole: 'A whole number from {least} to {most}.',
  multiple: 'A multiple of {of}, for the groups of the beam.',
  minAboveMax: 'Not more than the most words.',
  'soft-attention': 'soft attention',
  lstm: 'LSTM',
  captionsEnglish: '',
};

export type Key = keyof typeof en;

const ru: Record<Key, string> = {
  tagline: 'Что модели видят на ваших снимках и куда смотрят, пока об этом говорят.',
  language: 'Язык',
  addPhotos: 'Добавьте снимки',
  intakeHint: 'Выберите файлы, перетащите их на страницу или вставьте из буфера обмена.',
  choose: 'Выбрать снимки',
  camera: 'Камера',
  takePhoto: 'Сделать снимок',
  cancel: 'Отмена',
  cameraRefused: 'Камерой воспользоваться нельзя: {why}',
  tokenLabel: 'Ключ доступа',
  tokenSend: 'Применить',
  settings: 'Настройки',
  photosTitle: 'Снимки и подписи к ним',
  privacy: 'Снимки отправляются только этому сервису, и он их не хранит.',
  apiLink: 'API для программ',
  dropHere: 'Отпустите снимки здесь',
  loading: 'Ищем модели…',
  unreachable: 'Сервис недоступен.',
  tryAgain: 'Повторить',
  ready: 'Готово: {models}.',
  queued: 'В очереди…',
  sending: 'Отправляем…',
  looking: 'Модель смотрит…',
  waiting: 'Сервис занят, пробуем ещё раз…',
  remove: 'Убрать: {name}',
  pasted: 'вставленный снимок',
  taken: 'снимок с камеры',
  pixels: '{name}, {width} × {height} {height|точка|точки|точек}',
  unseen: 'Серое: эту часть модели не видят.',
  'error-empty_image': 'Файл пуст.',
  'error-unsupported_image': 'Это не снимок в понятном формате (JPEG, PNG, WebP, GIF, TIFF, AVIF).',
  'error-damaged_image': 'Снимок повреждён или неполон. Откройте его в другой программе и сохраните заново.',
  'error-animated_image': 'Это анимация, или в файле несколько страниц. Подойдёт один кадр.',
  'error-too_many_pixels':
    'В снимке больше {pixels} {pixels|миллиона|миллионов|миллионов|миллиона} точек. Сначала уменьшите его.',
  'error-body_too_large': 'Файл больше {size} МиБ.',
  'error-busy': 'Слишком много снимков в очереди.',
  'error-stopping': 'Сервис останавливается.',
  'error-deadline': 'Сервис не успел подписать снимок за отведённое время.',
  'error-model_failed': 'Модель не справилась с этим снимком.',
  'error-internal': 'В сервисе что-то сломалось.',
  'error-unauthorized': 'Сервис требует ключ доступа.',
  'error-broken_off': 'Ответ оборвался.',
  error: '{text}',
  noWords: 'Подпись без слов',
  noAttention: 'Эта модель видит снимок целиком, карты внимания у неё нет.',
  words: 'Слова подписи',
  play: 'Показать',
  pause: 'Пауза',
  playHint:
    'Наведите указатель на слово или нажмите «Показать»: светлым остаётся то, на что смотрела модель.',
  wordNote: '«{word}»: взгляд охватил примерно {cells} из {all} {all|клетки|клеток|клеток}',
  captions: 'Найденные подписи, сначала самая вероятная',
  probability: 'вероятность {share}',
  unfinished: 'обрезано',
  announce: '{model}, {name}: {caption}',
  again: 'Подписать заново',
  strategy: 'Как выбирать слова',
  greedy: 'каждый раз самое вероятное',
  beam: 'лучевой поиск',
  'diverse-beam': 'разнообразный лучевой поиск',
  sample: 'случайно',
  beamWidth: 'Ширина луча',
  lengthPenalty: 'Сравнивать подписи',
  none: 'по вероятности',
  average: 'по среднему на слово',
  wu: 'с поправкой Ву на длину',
  minWords: 'Слов не меньше',
  maxWords: 'Слов не больше',
  temperature: 'Температура',
  topP: 'Top-p',
  seed: 'Зерно генератора',
  from: 'Число от {least} до {most}.',
  fromWhole: 'Целое число от {least} до {most}.',
  multiple: 'Кратно {of}: луч делится на группы.',
  minAboveMax: 'Не больше наибольшего числа слов.',
  'soft-attention': 'мягкое внимание',
  lstm: 'LSTM',
  captionsEnglish: 'Подписи — на английском: на нём учились модели.',
};

const languages = { en, ru };
export type Language = keyof typeof languages;
/** Forms of a word beside a number, in the order in which the texts give them (Unicode CLDR, plural rules). */
const forms = { en: ['one', 'other'], ru: ['one', 'few', 'many', 'other'] };
export type Values = Record<string, string | number>;

const STORED = 'showtell-language';

let current: Language = 'en';

export function language(): Language {
  return current;
}

/** What was chosen here before, else the first of the reader's languages that is known. */
export function preferredLanguage(): Language {
  const wanted = [recall('localStorage', STORED), ...navigator.languages.map((tag) => tag.slice(0, 2))];
  return wanted.find((tag): tag is Language => tag === 'en' || tag === 'ru') ?? 'en';
}

/** The text of an error of the service; one that the page does not know is shown as it came, in English. */
export function keyOfError(code: string | undefined): Key {
  const key = `error-${code}`;
  return key in en ? (key as Key) : 'error';
}

export function say(key: Key, values: Values = {}): string {
  return languages[current][key].replace(/\{(\w+)((?:\|[^|}]+)*)\}/g, (_, name: string, words: string) => {
    const value = values[name];
    if (words) {
      const form = forms[current].indexOf(new Intl.PluralRules(current).select(Number(value)));
      return words.slice(1).split('|').at(form) ?? '';
    }
    return typeof value === 'number' ? value.toLocaleString(current) : value;
  });
}

/** The text of an element, or its accessible name, which follows the language from now on. */
export function label<T extends Element>(
  element: T,
  key: Key,
  values: Values = {},
  where: 'text' | 'name' = 'text',
): T {
  element.setAttribute(where === 'text' ? 'data-text' : 'data-name', key);
  element.setAttribute(`data-${where}-values`, JSON.stringify(values));
  relabel(element);
  return element;
}

function relabel(element: Element): void {
  for (const where of ['text', 'name']) {
    const key = element.getAttribute(`data-${where}`) as Key | null;
    if (key === null) continue;
    const text = say(key, JSON.parse(element.getAttribute(`data-${where}-values`) ?? '{}') as Values);
    if (where === 'text') element.textContent = text;
    else element.setAttribute('aria-label', text);
  }
}

export function setLanguage(chosen: Language, store = false): void {
  current = chosen;
  if (store) keep('localStorage', STORED, chosen);
  document.documentElement.lang = chosen;
  document.querySelectorAll('[data-text], [data-name]').forEach(relabel);
}

/** A share with two digits that count: captions have small probabilities. */
export function percent(share: number): string {
  return share.toLocaleString(current, { style: 'percent', maximumSignificantDigits: 2 });
}
