/** The page: takes photos in every way that browsers know, and makes a card of each. */
import { ApiError, fetchService, setToken, type Service } from './api.js';
import { setUpCamera } from './camera.js';
import { Card } from './card.js';
import { byId, element } from './dom.js';
import { Settings } from './settings.js';
import { label, preferredLanguage, say, setLanguage, type Key, type Language } from './words.js';

/** Photos that are sent at one time. */
const AT_ONCE = 4;

const cards = new Set<Card>();
/** Photos that came before the models were known. */
const early: { photo: Blob; name: string }[] = [];
let service: Service | undefined;
let settings: Settings | undefined;

let running = 0;
const line: (() => void)[] = [];

async function queue<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  if (running >= AT_ONCE) await new Promise<void>((resolve) => line.push(resolve));
  else running++;
  try {
    signal.throwIfAborted();
    return await work();
  } finally {
    const next = line.shift();
    if (next) next();
    else running--;
  }
}

function announce(text: string): void {
  byId('announcer').textContent = text;
}

function tellState(key: Key, values = {}, again = false): void {
  const state = byId('service-state');
  state.replaceChildren(label(element('span'), key, values));
  if (!again) return;
  const button = label(element('button', { type: 'button' }), 'tryAgain');
  button.addEventListener('click', () => void connect());
  state.append(' ', button);
}

async function connect(): Promise<void> {
  tellState('loading');
  try {
    service = await fetchService();
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) askForToken();
    else tellState('unreachable', {}, true);
    return;
  }
  byId('token-form').hidden = true;
  tellState('ready', { models: service.models.map(({ id }) => id).join(', ') });
  byId<HTMLInputElement>('files').accept = service.limits.types.join(',');
  byId<HTMLInputElement>('capture').accept = 'image/jpeg';
  settings ??= new Settings(service, runAll);
  for (const { photo, name } of early.splice(0)) add(photo, name);
}

function askForToken(): void {
  tellState('error-unauthorized');
  byId('token-form').hidden = false;
  byId('token').focus();
}

function add(photo: Blob, name: string): void {
  if (!service || !settings) {
    early.push({ photo, name });
    return;
  }
  const fields = settings.fields();
  if (!fields) return; // the form says what is wrong with it
  const card = new Card(photo, name, { service, queue, announce, onUnauthorized: askForToken });
  cards.add(card);
  card.root.addEventListener('removed', () => cards.delete(card));
  byId('cards').prepend(card.root);
  void card.run(fields);
}

function runAll(fields: Record<string, string>): void {
  for (const card of cards) void card.run(fields);
}

function addFiles(files: Iterable<File>, pasted = false): void {
  // The newest card is the first; of several at once the first stays first.
  for (const file of [...files].reverse()) add(file, pasted || !file.name ? say('pasted') : file.name);
}

function setUpFiles(): void {
  byId('choose').addEventListener('click', () => byId('files').click());
  for (const id of ['files', 'capture']) {
    const input = byId<HTMLInputElement>(id);
    input.addEventListener('change', () => {
      addFiles(input.files ?? []);
      input.value = ''; // so that the same file can be chosen again
    });
  }
  document.addEventListener('paste', ({ clipboardData }) => addFiles(clipboardData?.files ?? [], true));
}

function setUpDrop(): void {
  const sign = byId('drop');
  const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
  document.addEventListener('dragover', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    sign.hidden = false;
  });
  document.addEventListener('dragleave', ({ relatedTarget }) => {
    if (relatedTarget === null) sign.hidden = true;
  });
  document.addEventListener('drop', (event) => {
    sign.hidden = true;
    if (!hasFiles(event)) return;
    event.preventDefault();
    addFiles(event.dataTransfer!.files);
  });
}

function setUpLanguage(): void {
  const select = byId<HTMLSelectElement>('language');
  setLanguage((select.value = preferredLanguage()) as Language);
  select.addEventListener('change', () => {
    setLanguage(select.value as Language, true);
    settings?.relabel();
  });
}

byId('token-form').addEventListener('submit', (event) => {
  event.preventDefault();
  setToken(byId<HTMLInputElement>('token').value);
  void connect().then(() => {
    const fields = cards.size > 0 ? settings?.fields() : undefined;
    if (fields) runAll(fields);
  });
});
setUpLanguage();
setUpFiles();
setUpDrop();
setUpCamera(
  (photo) => add(photo, say('taken')),
  () => byId('capture').click(),
);
void connect();
