/** Where long-running work reports to. The command line shows it; tests and library users may stay silent. */
export interface Log {
  /** One line of news. */
  info(line: string): void;
  /** One line that the user should not miss. */
  warn(line: string): void;
  /** A bar for work of `total` units; on something else than a terminal, a few plain lines. */
  progress(title: string, total: number): Progress;
}

export interface Progress {
  /** `done` of the total are finished; `note` is shown behind the bar. */
  update(done: number, note?: string): void;
  end(): void;
}

export const silentLog: Log = {
  info() {},
  warn() {},
  progress: () => ({ update() {}, end() {} }),
};
