/** A photo with what every model says of it. */
import { ApiError, captionPhoto, type Service } from './api.js';
import { element } from './dom.js';
import { Result } from './result.js';
import { Stage } from './stage.js';
import { keyOfError, label, say, type Key, type Values } from './words.js';

export interface CardContext {
  service: Service;
  /** Runs work when one of a few places is free. */
  queue<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>;
  announce(text: string): void;
  /** Called when the service asks for a token. */
  onUnauthorized(): void;
}

interface Message {
  key: Key;
  values?: Values;
}

export class Card {
  readonly root: HTMLElement;
  private readonly stage: Stage;
  private readonly state = element('p', { class: 'state' });
  private readonly problem = element('div', { class: 'problem', role: 'alert', hidden: true });
  private readonly unseen = label(element('span', { hidden: true }), 'unseen');
  private readonly results: Result[];
  private readonly url: string;
  private controller = new AbortController();

  constructor(
    private readonly photo: Blob,
    private readonly name: string,
    private readonly context: CardContext,
  ) {
    this.url = URL.createObjectURL(photo);
    this.stage = new Stage(this.url, name);
    this.results = context.service.models.map(
      (model) => new Result(model, this.stage, (cropped) => (this.unseen.hidden = !cropped)),
    );
    const answers = element('div', { class: 'results' }, ...this.results.map(({ root }) => root));
    const title = element('span', {}, name);
    void this.stage.whenLoaded().then((size) => size && label(title, 'pixels', { name, ...size }));
    const remove = label(
      element('button', { type: 'button', class: 'remove' }, '×'),
      'remove',
      { name },
      'name',
    );
    remove.addEventListener('click', () => this.remove());
    this.root = element(
      'article',
      { class: 'card', 'aria-label': name },
      remove,
      element(
        'figure',
        {},
        this.stage.root,
        element('figcaption', { class: 'soft' }, title, ' ', this.unseen),
      ),
      element('div', { class: 'side' }, this.state, this.problem, answers),
    );
  }

  /** Captions the photo by these settings, anew if it was captioned before. Tells of its failures itself. */
  async run(fields: Record<string, string>): Promise<void> {
    this.controller.abort();
    const { signal } = (this.controller = new AbortController());
    this.problem.hidden = true;
    for (const result of this.results) result.wait();
    const refused = this.check();
    if (refused) {
      this.fail(refused);
      return;
    }
    this.tell('queued');
    try {
      await this.context.queue(() => this.ask(fields, signal), signal);
      if (!signal.aborted) this.tell(undefined);
    } catch (error) {
      if (signal.aborted) return; // removed, or asked anew
      if (error instanceof ApiError && error.status === 401) this.context.onUnauthorized();
      const own = error instanceof ApiError && error.status < 500 && error.status !== 401;
      this.fail(this.messageOf(error), own ? undefined : () => void this.run(fields));
    }
  }

  /** What can be known before anything is sent. */
  private check(): Message | undefined {
    const { uploadBytes, types } = this.context.service.limits;
    if (!types.includes(this.photo.type)) return { key: 'error-unsupported_image' };
    if (this.photo.size + 10_000 > uploadBytes)
      return { key: 'error-body_too_large', values: { size: uploadBytes / 2 ** 20 } };
    return undefined;
  }

  private messageOf(error: unknown): Message {
    if (!(error instanceof ApiError)) return { key: 'unreachable' };
    const { uploadBytes, pixels } = this.context.service.limits;
    const values = { size: uploadBytes / 2 ** 20, pixels: pixels / 1e6 };
    return { key: keyOfError(error.code), values: { ...values, text: error.message } };
  }

  private ask(fields: Record<string, string>, signal: AbortSignal): Promise<void> {
    this.tell('sending');
    const resultOf = (id: string) => this.results.find(({ model }) => model.id === id)!;
    return captionPhoto(
      this.photo,
      { ...fields, attention: 'true' },
      {
        waiting: () => this.tell('waiting'),
        words: (model, caption) => {
          this.tell('looking');
          resultOf(model).write(caption);
        },
        result: (model, captions) => {
          resultOf(model).finish(captions);
          const { caption } = captions[0];
          this.context.announce(say('announce', { model, name: this.name, caption }));
        },
      },
      signal,
    );
  }

  private tell(key: Key | undefined): void {
    this.state.hidden = key === undefined;
    if (key !== undefined) label(this.state, key);
  }

  /** What models have said already stays. */
  private fail({ key, values }: Message, again?: () => void): void {
    this.tell(undefined);
    for (const result of this.results) result.fail();
    this.problem.replaceChildren(label(element('p'), key, values));
    if (again) {
      const button = label(element('button', { type: 'button' }), 'tryAgain');
      button.addEventListener('click', again);
      this.problem.append(button);
    }
    this.problem.hidden = false;
  }

  private remove(): void {
    this.controller.abort();
    // Whoever works by keys goes on with the next photo, or with adding one.
    const next = (this.root.nextElementSibling ?? this.root.previousElementSibling)?.querySelector('button');
    this.root.remove();
    (next ?? document.getElementById('choose'))?.focus();
    URL.revokeObjectURL(this.url);
    this.root.dispatchEvent(new Event('removed'));
  }
}
