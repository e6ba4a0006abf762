/** What one model says of one photo: its words while they come, then its captions, likeliest first. */
import type { Caption, Model } from './api.js';
import { element } from './dom.js';
import { Player } from './player.js';
import type { Stage } from './stage.js';
import { label, percent } from './words.js';

const ENCODERS: Record<string, string> = {
  resnet: 'ResNet-',
  mobilenet_v2: 'MobileNetV2',
  mobilenet_v3_small: 'MobileNetV3-small',
  mobilenet_v3_large: 'MobileNetV3-large',
};

/** `resnet34` as papers write it. */
export function encoderName(encoder: string): string {
  return ENCODERS[encoder] ?? encoder.replace(/^resnet(?=\d)/, ENCODERS.resnet);
}

export class Result {
  readonly root: HTMLElement;
  private readonly best = element('p', { class: 'best', lang: 'en' });
  private readonly details = element('div');
  private player: Player | undefined;

  constructor(
    readonly model: Model,
    private readonly stage: Stage,
    private readonly onPlace: (cropped: boolean) => void,
  ) {
    const decoder = label(element('span'), model.decoder);
    const title = element('h3', { title: model.id }, `${encoderName(model.encoder)}, `, decoder);
    this.root = element(
      'div',
      { class: 'result', role: 'group', 'data-model': model.id, 'aria-label': model.id },
      title,
      this.best,
      this.details,
    );
  }

  /** Before anything is known. */
  wait(): void {
    this.player?.release();
    this.player = undefined;
    this.best.textContent = '';
    this.root.hidden = false;
    this.root.classList.add('writing');
    this.details.replaceChildren();
  }

  /** A caption that is being written. */
  write(caption: string): void {
    this.best.textContent = caption;
  }

  /** Nothing more will come: what is whole stays. */
  fail(): void {
    this.root.hidden = this.root.classList.contains('writing');
  }

  finish(captions: Caption[]): void {
    this.root.classList.remove('writing');
    const buttons = captions.map((caption) => this.choice(caption, captions[0]));
    const choose = (i: number) => {
      buttons.forEach((button, n) => button.setAttribute('aria-pressed', String(n === i)));
      this.present(captions[i]);
    };
    buttons.forEach((button, i) => button.addEventListener('click', () => choose(i)));
    const list = element('ol', { class: 'choices' }, ...buttons.map((button) => element('li', {}, button)));
    this.details.replaceChildren(this.place, label(element('h4', { class: 'soft' }), 'captions'), list);
    choose(0);
  }

  /** Of the player of the caption that was chosen. */
  private readonly place = element('div');

  private present(caption: Caption): void {
    this.player?.release();
    this.player = undefined;
    if (caption.words.length === 0) label(this.best, 'noWords');
    else {
      this.best.removeAttribute('data-text');
      this.best.textContent = caption.caption;
    }
    const { attention } = caption;
    if (!this.model.attention) {
      this.place.replaceChildren(label(element('p', { class: 'note soft' }), 'noAttention'));
    } else if (attention && caption.words.length > 0) {
      this.player = new Player({ ...caption, attention }, this.stage, this.onPlace);
      this.place.replaceChildren(this.player.root);
    } else this.place.replaceChildren();
  }

  private choice(caption: Caption, likeliest: Caption): HTMLButtonElement {
    const bar = element('span', { class: 'bar', 'aria-hidden': 'true' });
    bar.style.setProperty(
      '--share',
      Math.min(1, caption.probability / likeliest.probability || 0).toFixed(4),
    );
    const share = label(element('span', { class: 'share' }), 'probability', {
      share: percent(caption.probability),
    });
    const text = element('span', { class: 'text', lang: 'en' }, caption.caption);
    const cut = caption.finished ? undefined : label(element('span', { class: 'share' }), 'unfinished');
    return element('button', { type: 'button', class: 'choice' }, text, bar, share, cut);
  }
}
