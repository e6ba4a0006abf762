/** How captions are searched for: a form that remembers, and shows only what goes with the strategy. */
import type { Service } from './api.js';
import { byId, element } from './dom.js';
import { keep, recall } from './store.js';
import { label, type Key } from './words.js';

const STORED = 'showtell-settings';
const STRATEGIES = ['greedy', 'beam', 'diverse-beam', 'sample'] as const;
const PENALTIES = ['none', 'average', 'wu'] as const;
/** Groups of a diverse beam, as the service divides it. */
const GROUPS = 3;
/** Captions that are shown of each model, where there are so many. */
const SHOWN = 5;
const SAMPLES = 3;

type Strategy = (typeof STRATEGIES)[number];

interface NumberField {
  name: string;
  key: Key;
  initial: number;
  least: number;
  most: number;
  /** The least above `least` that may be typed, where that is not whole numbers. */
  step?: number;
  strategies: readonly Strategy[];
}

export class Settings {
  private readonly form = byId<HTMLFormElement>('settings-form');
  private readonly numbers: NumberField[];

  /** @param onAgain asked to caption all photos again */
  constructor({ limits }: Pick<Service, 'limits'>, onAgain: (fields: Record<string, string>) => void) {
    const beams: Strategy[] = ['beam', 'diverse-beam'];
    const all = STRATEGIES;
    this.numbers = [
      { name: 'beam', key: 'beamWidth', initial: 3, least: 1, most: limits.beam, strategies: beams },
      { name: 'minWords', key: 'minWords', initial: 0, least: 0, most: limits.words, strategies: all },
      { name: 'maxWords', key: 'maxWords', initial: 30, least: 1, most: limits.words, strategies: all },
      {
        name: 'temperature',
        key: 'temperature',
        initial: 1,
        least: 0.05,
        most: 5,
        step: 0.05,
        strategies: ['sample'],
      },
      { name: 'topP', key: 'topP', initial: 0.9, least: 0.01, most: 1, step: 0.01, strategies: ['sample'] },
      { name: 'seed', key: 'seed', initial: 1, least: 0, most: 2 ** 32 - 1, strategies: ['sample'] },
    ];
    this.build();
    this.restore();
    this.update();
    this.form.addEventListener('input', () => {
      this.update();
      keep('localStorage', STORED, JSON.stringify(Object.fromEntries(new FormData(this.form))));
    });
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      const fields = this.fields();
      if (fields) onAgain(fields);
    });
  }

  private build(): void {
    const choice = (name: string, key: Key, options: readonly Key[]) =>
      row(
        name,
        key,
        element(
          'select',
          { id: `set-${name}`, name },
          ...options.map((option) => label(element('option', { value: option }), option)),
        ),
      );
    const number = ({ name, key, initial, least, most, step }: NumberField) =>
      row(
        name,
        key,
        element('input', {
          ...{ id: `set-${name}`, name, type: 'number', value: initial, min: least, max: most },
          ...{
            step: step ?? 1,
            'aria-describedby': `wrong-${name}`,
            inputmode: step ? 'decimal' : 'numeric',
          },
        }),
        element('p', { id: `wrong-${name}`, class: 'wrong' }),
      );
    const [beam, ...others] = this.numbers.map(number);
    this.form.replaceChildren(
      choice('strategy', 'strategy', STRATEGIES),
      beam,
      choice('lengthPenalty', 'lengthPenalty', PENALTIES),
      ...others,
      label(element('button', { type: 'submit' }), 'again'),
    );
    this.control('strategy').value = 'beam';
  }

  private control(name: string): HTMLInputElement | HTMLSelectElement {
    return this.form.elements.namedItem(name) as HTMLInputElement | HTMLSelectElement;
  }

  private get strategy(): Strategy {
    return this.control('strategy').value as Strategy;
  }

  private restore(): void {
    try {
      const stored = JSON.parse(recall('localStorage', STORED) ?? '{}') as Record<string, string>;
      for (const [name, value] of Object.entries(stored)) {
        const control = this.control(name);
        if (control) control.value = value;
        // A value of an older page that the list no longer has.
        if (control instanceof HTMLSelectElement && control.selectedIndex < 0) control.selectedIndex = 0;
      }
    } catch {
      keep('localStorage', STORED, '{}');
    }
  }

  /** Hides what does not go with the strategy, says what is wrong, sums up. */
  private update(): void {
    for (const field of this.numbers) {
      const control = this.control(field.name) as HTMLInputElement;
      control.parentElement!.hidden = !field.strategies.includes(this.strategy);
      const wrong = byId(`wrong-${field.name}`);
      const problem = control.parentElement!.hidden ? undefined : this.problemOf(field, control);
      control.setAttribute('aria-invalid', String(problem !== undefined)); // an empty one would mean false
      if (problem) label(wrong, ...problem);
      else {
        wrong.removeAttribute('data-text');
        wrong.textContent = '';
      }
    }
    const beams = this.strategy === 'beam' || this.strategy === 'diverse-beam';
    this.control('lengthPenalty').parentElement!.hidden = !beams;
    const summary = byId('settings-summary');
    label(summary, this.strategy);
    if (beams) summary.append(`, ${this.control('beam').value}`);
  }

  private problemOf(
    { name, least, most, step }: NumberField,
    control: HTMLInputElement,
  ): [Key, Record<string, number>] | undefined {
    const value = control.value === '' ? NaN : control.valueAsNumber;
    if (!(value >= least && value <= most) || (!step && !Number.isInteger(value))) {
      return [step ? 'from' : 'fromWhole', { least, most }];
    }
    if (name === 'beam' && this.strategy === 'diverse-beam' && value % GROUPS !== 0) {
      return ['multiple', { of: GROUPS }];
    }
    if (name === 'minWords' && value > Number(this.control('maxWords').value)) return ['minAboveMax', {}];
    return undefined;
  }

  /** What to send, or undefined while something is wrong, which is then shown. */
  fields(): Record<string, string> | undefined {
    this.update();
    const wrong = this.form.querySelector<HTMLInputElement>('[aria-invalid="true"]');
    if (wrong) {
      byId<HTMLDetailsElement>('settings').open = true;
      wrong.focus();
      return undefined;
    }
    const { strategy } = this;
    const fields: Record<string, string> = { strategy };
    for (const { name, strategies } of this.numbers) {
      if (strategies.includes(strategy)) fields[name] = this.control(name).value;
    }
    if (strategy === 'sample') fields.captions = String(SAMPLES);
    if (strategy === 'beam' || strategy === 'diverse-beam') {
      fields.captions = String(Math.min(SHOWN, Number(fields.beam)));
      fields.lengthPenalty = this.control('lengthPenalty').value;
    }
    return fields;
  }

  /** After a change of the language: what is not a label. */
  relabel(): void {
    this.update();
  }
}

function row(name: string, key: Key, control: HTMLElement, ...more: HTMLElement[]): HTMLElement {
  const text = label(element('label', { for: `set-${name}` }), key);
  return element('div', { class: 'field' }, text, control, ...more);
}
