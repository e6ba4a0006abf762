/** The words of a caption, each with where the model looked: by pointer, by keys, or one after the other. */
import type { Attention, Caption } from './api.js';
import { element } from './dom.js';
import type { Performer, Stage } from './stage.js';
import { label } from './words.js';

const WORD_MILLISECONDS = 900;

export class Player implements Performer {
  readonly root: HTMLElement;
  private readonly words: HTMLButtonElement[];
  private readonly playButton = element('button', { type: 'button', class: 'play' });
  private readonly note = element('p', { class: 'note soft' });
  private current: number | undefined;
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    caption: Caption & { attention: Attention },
    private readonly stage: Stage,
    /** Told whether a part of the photo is outside of what the model saw. */
    private readonly onPlace: (cropped: boolean) => void,
  ) {
    this.attention = caption.attention;
    this.words = caption.words.map((word, i) => this.wordButton(word, i));
    this.words.forEach((button, i) => (button.tabIndex = i === 0 ? 0 : -1)); // one stop of the tab key
    const list = element('ol', { class: 'words' }, ...this.words.map((button) => element('li', {}, button)));
    label(list, 'words', {}, 'name');
    label(this.playButton, 'play');
    label(this.note, 'playHint');
    this.playButton.addEventListener('click', () => this.toggle());
    list.addEventListener('keydown', (event) => this.key(event));
    this.root = element('div', { class: 'player' }, this.playButton, list, this.note);
  }

  private readonly attention: Attention;

  private wordButton(word: string, i: number): HTMLButtonElement {
    const button = element(
      'button',
      { type: 'button', class: 'word', lang: 'en', 'aria-pressed': 'false' },
      word,
    );
    button.style.setProperty('--width', this.attention.words[i].normalizedEntropy.toFixed(3));
    button.addEventListener('click', () => this.choose(i));
    button.addEventListener('focus', () => {
      if (button.matches(':focus-visible')) this.choose(i);
    });
    button.addEventListener('pointerenter', ({ pointerType }) => {
      if (pointerType === 'mouse' && this.timer === undefined) this.lift(i);
    });
    button.addEventListener('pointerleave', ({ pointerType }) => {
      if (pointerType === 'mouse' && this.timer === undefined) this.lift(this.current);
    });
    return button;
  }

  /** Shows the veil of a word for now. */
  private lift(word: number | undefined): void {
    this.stage.take(this);
    this.onPlace(this.stage.place(this.attention));
    this.stage.show(this.attention, word);
  }

  private show(i: number): void {
    this.current = i;
    this.words.forEach((button, n) => {
      button.setAttribute('aria-pressed', String(n === i));
      button.tabIndex = n === i ? 0 : -1;
    });
    this.lift(i);
    const { word, effectiveCells } = this.attention.words[i];
    const { width, height } = this.attention.grid;
    const cells = Number(effectiveCells.toFixed(1));
    label(this.note, 'wordNote', { word, cells, all: width * height });
  }

  private choose(i: number): void {
    this.pause();
    this.show(i);
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === ' ') {
      event.preventDefault();
      this.toggle();
      return;
    }
    const last = this.words.length - 1;
    const here = this.words.indexOf(event.target as HTMLButtonElement);
    const there = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: last }[event.key];
    if (here < 0 || there === undefined) return;
    event.preventDefault();
    const i = Math.min(Math.max(there, 0), last);
    this.choose(i);
    this.words[i].focus();
  }

  private toggle(): void {
    if (this.timer === undefined) this.play();
    else this.pause();
  }

  private play(): void {
    label(this.playButton, 'pause');
    const next = () => {
      const i = this.current === undefined ? 0 : this.current + 1;
      if (i < this.words.length) this.show(i);
      else this.pause();
    };
    if (this.current === this.words.length - 1) this.current = undefined;
    next();
    this.timer = setInterval(next, WORD_MILLISECONDS);
  }

  private pause(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    label(this.playButton, 'play');
  }

  /** Leaves the stage to another caption. */
  release(): void {
    this.pause();
    this.current = undefined;
    for (const button of this.words) button.setAttribute('aria-pressed', 'false');
    this.stage.show(this.attention, undefined);
    label(this.note, 'playHint');
  }
}
