/** A log that keeps what it says, for starts that find all prepared: a warning about the data is one every time. */
import type { Log } from '../../core/index.js';

interface Line {
  level: 'info' | 'warn';
  text: string;
}

export class Told implements Log {
  constructor(
    private readonly log: Log,
    readonly lines: Line[] = [],
  ) {}

  info(text: string): void {
    this.keep('info', text);
  }

  warn(text: string): void {
    this.keep('warn', text);
  }

  progress: Log['progress'] = (...what) => this.log.progress(...what);

  /** Says everything again. */
  repeat(): void {
    for (const { level, text } of this.lines) this.log[level](text);
  }

  private keep(level: Line['level'], text: string): void {
    this.lines.push({ level, text });
    this.log[level](text);
  }
}
