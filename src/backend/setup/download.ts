/** Downloads one wheel with pip, for a platform and Python that need not be those of the pip at hand. */
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Log, Progress } from '../../core/index.js';
import { SetupFailure } from './failure.js';
import type { Wheel } from './platform.js';
import type { CommandResult, World } from './world.js';

/** Of the Python whose wheel is taken; the libraries in it are the same for every Python. */
const pythonVersion = '3.12';

/**
 * @param pip its command line
 * @param folder gets the wheel and pip's temporary files; must not exist
 * @returns the wheel's path
 */
export async function downloadWheel(
  world: World,
  pip: string[],
  wheel: Wheel,
  folder: string,
  log: Log,
): Promise<string> {
  const temporary = join(folder, 'tmp');
  const destination = join(folder, 'wheel');
  mkdirSync(temporary, { recursive: true });
  const command = [
    ...[...pip, 'download', '--no-deps', '--only-binary=:all:', '--no-input', '--disable-pip-version-check'],
    ...['--progress-bar', 'off', '--retries', '2', '--python-version', pythonVersion],
    ...wheel.platforms.flatMap((platform) => ['--platform', platform]),
    ...['--dest', destination, wheel.requirement],
  ];
  const meter = downloadMeter(folder, log);
  let result: CommandResult;
  try {
    result = await world.run(command, {
      environment: {
        TMPDIR: temporary,
        PYTHONUNBUFFERED: '1',
        // A user's settings that would forbid or rename what is only a download.
        PIP_REQUIRE_VIRTUALENV: '0',
        PIP_QUIET: undefined,
      },
      onLine: (line) => meter.read(line),
    });
  } finally {
    meter.end();
  }
  rmSync(temporary, { recursive: true, force: true });
  if (result.code !== 0) throw downloadFailure(wheel.requirement, result);
  const found = readdirSync(destination).find((name) => name.endsWith('.whl'));
  if (!found) throw new SetupFailure('network', `pip downloaded no wheel for ${wheel.requirement}`);
  return join(destination, found);
}

/**
 * Shows how far pip is: the size is in its line "Downloading NAME.whl (274.0 MB)", the rest on the disk. (pip's own
 * machine-readable bar exists from 24.1 on only.)
 */
function downloadMeter(folder: string, log: Log): { read(line: string): void; end(): void } {
  let bar: Progress | undefined;
  let timer: NodeJS.Timeout | undefined;
  const stop = () => {
    clearInterval(timer);
    bar?.end();
    bar = undefined;
  };
  return {
    read(line) {
      const match = /^\s*(Downloading|Using cached) (?:\S*\/)?(\S+?)-\S+\.whl \(([\d.]+) ?([kMG])B\)/.exec(
        line,
      );
      if (!match) return;
      stop();
      const [, , name, size, unit] = match;
      const total = Math.round(Number(size) * { k: 1e-3, M: 1, G: 1e3 }[unit]!);
      if (total < 1) return;
      bar = log.progress(`downloading ${name.replaceAll('_', '-')} (MB)`, total);
      const show = () => bar?.update(Math.min(total, Math.round(wheelBytes(folder) / 1e6)));
      timer = setInterval(show, 300);
      timer.unref();
    },
    end: stop,
  };
}

function wheelBytes(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.name.endsWith('.whl')) continue;
    bytes += statSync(join(entry.parentPath ?? entry.path, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}

function downloadFailure(requirement: string, { output }: CommandResult): SetupFailure {
  const lines = output.split('\n').map((line) => line.trim());
  const unreachable = lines.find((line) =>
    /connection broken|Max retries|NewConnectionError|ProxyError|timed out|SSLError/i.test(line),
  );
  if (unreachable) {
    return new SetupFailure(
      'network',
      `pip could not reach its package index to download ${requirement}`,
      'check the network; a proxy goes into HTTPS_PROXY, another index into PIP_INDEX_URL',
    );
  }
  const last = lines.findLast((line) => /^ERROR:/.test(line)) ?? lines.findLast(Boolean) ?? 'it said nothing';
  return new SetupFailure(
    'network',
    `pip could not download ${requirement}: ${last.replace(/^ERROR:\s*/, '')}`,
  );
}
