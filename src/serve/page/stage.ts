/** A photo with the veil of attention over it: what stays clear is where a model looked. */
import type { Attention, Size } from './api.js';
import { element } from './dom.js';

/** Alpha of a cell without attention, of 255. */
const DARKEST = 215;
/** Pixels of the veil for each cell, per side: browsers enlarge what is left smoothly. */
const CELL = 16;

/** Who shows its veils on a stage; only one does at a time. */
export interface Performer {
  release(): void;
}

export class Stage {
  readonly root: HTMLElement;
  private performer: Performer | undefined;
  private readonly image: HTMLImageElement;
  private readonly veil = element('canvas', { class: 'veil', 'aria-hidden': 'true' });
  private readonly unseen = [
    element('div', { class: 'unseen grey', hidden: true }),
    element('div', { class: 'unseen pale', hidden: true }),
  ];

  constructor(url: string, name: string) {
    this.image = element('img', { class: 'photo', src: url, alt: name });
    this.root = element('div', { class: 'stage' }, this.image, ...this.unseen, this.veil);
    this.image.addEventListener('load', () => {
      const { naturalWidth: width, naturalHeight: height } = this.image;
      this.root.style.setProperty('--aspect', String(width / height));
    });
  }

  /** Size of the photo, once the browser could read it. */
  whenLoaded(): Promise<Size | undefined> {
    return this.image.decode().then(
      () => ({ width: this.image.naturalWidth, height: this.image.naturalHeight }),
      () => {
        this.image.hidden = true; // a browser may not know a format that the service knows
        return undefined;
      },
    );
  }

  /** Makes `performer` the one whose veils are seen. */
  take(performer: Performer): void {
    if (this.performer !== performer) this.performer?.release();
    this.performer = performer;
  }

  /** Puts the veil where the model looked. @returns whether a part of the photo lies outside of what it saw */
  place({ regionFractions: region }: Attention): boolean {
    Object.assign(this.veil.style, {
      left: css(region.left),
      top: css(region.top),
      width: css(region.width),
      height: css(region.height),
    });
    const [right, bottom] = [region.left + region.width, region.top + region.height];
    const cropped = region.left > 0 || region.top > 0 || right < 1 || bottom < 1;
    const [x0, y0, x1, y1] = [region.left, region.top, right, bottom].map(css);
    for (const part of this.unseen) {
      part.hidden = !cropped;
      part.style.clipPath = `polygon(evenodd, 0 0, 100% 0, 100% 100%, 0 100%, 0 0, ${x0} ${y0}, ${x1} ${y0}, ${x1} ${y1}, ${x0} ${y1}, ${x0} ${y0})`;
    }
    return cropped;
  }

  /** The veil of one word; without one the whole photo is clear. */
  show(attention: Attention, word: number | undefined): void {
    this.veil.classList.toggle('shown', word !== undefined);
    if (word === undefined) return;
    const { width, height } = attention.grid;
    const weights = attention.words[word].weights.flat();
    const most = Math.max(...weights, 1e-12);
    const cells = new ImageData(width, height);
    weights.forEach((weight, i) => (cells.data[4 * i + 3] = Math.round(DARKEST * (1 - weight / most))));
    const small = element('canvas', { width, height });
    small.getContext('2d')!.putImageData(cells, 0, 0);
    this.veil.width = width * CELL;
    this.veil.height = height * CELL;
    const context = this.veil.getContext('2d')!;
    context.imageSmoothingQuality = 'high';
    context.drawImage(small, 0, 0, this.veil.width, this.veil.height);
  }
}

function css(fraction: number): string {
  return `${(100 * fraction).toFixed(4)}%`;
}
