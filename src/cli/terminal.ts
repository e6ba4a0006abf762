/** Shows a Log on standard error: a bar on a terminal, a few plain lines elsewhere. */
import { SingleBar } from 'cli-progress';
import type { Log, Progress } from '../core/index.js';

interface Output {
  write(text: string): unknown;
  isTTY?: boolean;
}

/** A piped bar prints a line at each tenth of its work. */
const linesPerBar = 10;

/** @param output standard error, so that standard output holds results only */
export function terminalLog(output: Output, now: () => number = Date.now): Log {
  let bar: SingleBar | undefined;
  const line = (text: string) => {
    if (!bar) {
      output.write(`${text}\n`);
      return;
    }
    output.write(`\r\u001b[K${text}\n`); // over the bar, which is drawn again below
    bar.render();
  };
  return {
    info: line,
    warn: (text) => line(`warning: ${text}`),
    progress(title, total) {
      // Bars do not nest: a second one at the same time is printed as lines.
      if (!output.isTTY || bar) return plainProgress(title, total, line, now);
      const own = (bar = terminalBar(title, total, output));
      return {
        update: (done, note) => own.update(done, { note: note ?? '' }),
        end() {
          own.stop();
          bar = undefined;
        },
      };
    },
  };
}

function terminalBar(title: string, total: number, output: Output): SingleBar {
  const bar = new SingleBar({
    stream: output as NodeJS.WriteStream,
    format: `${title} [{bar}] {percentage}% {value}/{total} {eta_formatted} left  {note}`,
    barsize: 24,
    barCompleteChar: '#',
    barIncompleteChar: '-',
    hideCursor: true,
    etaBuffer: 50,
    gracefulExit: false,
    linewrap: false,
  });
  bar.start(total, 0, { note: '' });
  return bar;
}

function plainProgress(
  title: string,
  total: number,
  line: (text: string) => void,
  now: () => number,
): Progress {
  const start = now();
  let printed = 0;
  return {
    update(done, note) {
      const tenth = total > 0 ? Math.floor((done / total) * linesPerBar) : linesPerBar;
      if (tenth <= printed) return;
      printed = tenth;
      const seconds = (now() - start) / 1000;
      const left = done > 0 && done < total ? `, ${duration((seconds / done) * (total - done))} left` : '';
      line(`${title}: ${done}/${total}, ${duration(seconds)}${left}${note ? `  ${note}` : ''}`);
    },
    end() {},
  };
}

/** `75` seconds as `1m15s`. */
function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${whole % 60}s`;
  return `${Math.floor(whole / 3600)}h${Math.floor((whole % 3600) / 60)}m`;
}
