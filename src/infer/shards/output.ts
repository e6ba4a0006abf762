/**
 * A folder of outputs that many processes fill together: a shard's file is there only when it is whole, and
 * `_showtell/` says what it was made of. Readers of Parquet folders pass over names that begin with "_".
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  clearStaleLock,
  Lock,
  messageOf,
  recoverDirectory,
  sync,
  temporaryName,
  UserError,
  writeFileAtomic,
  type Log,
} from '../../core/index.js';
import type { Shard } from './plan.js';
import { openRows, type RowFormat, type RowWriter } from './rows.js';

const NOTES = '_showtell';
const VERSION = 1;

/** What every output of a folder has in common. */
export interface OutputSettings {
  /** SHA-256 of the checkpoint's weights. */
  checkpoint: string;
  /** Of the checkpoint's vocabulary and of how it prepares images. */
  preparation: string;
  /** The search in words, for messages. */
  decoding: string;
  /** The same with every setting. */
  search: Record<string, unknown>;
  format: RowFormat;
  rowsPerShard: number;
  /** Of the decoder's products, where it is not float32. */
  precision?: 'bfloat16';
}

export interface ShardCounts {
  /** Rows, those with an error included. */
  images: number;
  /** Rows with an error. */
  failed: number;
}

interface ShardNote extends ShardCounts {
  /** Hash of the settings. */
  settings: string;
  /** The input's fingerprint. */
  input: string;
}

/** What was found of a shard's output. */
type State = 'absent' | 'done' | 'of other settings' | 'of another input' | 'of unknown origin';

const hashOf = (settings: OutputSettings) =>
  createHash('sha256').update(JSON.stringify(settings)).digest('hex');

export class OutputFolder {
  private readonly hash: string;

  private constructor(
    readonly path: string,
    private readonly settings: OutputSettings,
    private readonly overwrite: boolean,
  ) {
    this.hash = hashOf(settings);
  }

  /**
   * Makes the folder, or goes on with it.
   * @param overwrite whether outputs of other settings or inputs are made anew instead of refused
   * @throws UserError for a folder of other settings, or that cannot be written
   */
  static async open(
    path: string,
    settings: OutputSettings,
    { overwrite, log, signal }: { overwrite: boolean; log: Log; signal?: AbortSignal },
  ): Promise<OutputFolder> {
    const notes = join(path, NOTES);
    try {
      mkdirSync(notes, { recursive: true });
    } catch (error) {
      throw new UserError(`the output folder ${path} cannot be made: ${messageOf(error)}`, { cause: error });
    }
    // Processes that start at once must not write two different ones.
    const lock = await Lock.acquire(join(notes, 'settings.lock'), 'starts there', log, signal);
    try {
      const file = join(notes, 'settings.json');
      const known = existsSync(file) ? readSettings(file) : undefined;
      const same = known !== undefined && hashOf(known) === hashOf(settings);
      if (known && !same && !overwrite) {
        throw new UserError(`${path} holds captions of other settings: ${apart(known, settings)}`, {
          hint: '--overwrite makes them anew; another --output keeps both',
        });
      }
      if (!same) writeFileAtomic(file, `${JSON.stringify({ version: VERSION, ...settings }, null, 2)}\n`);
    } finally {
      lock.release();
    }
    return new OutputFolder(path, settings, overwrite);
  }

  fileOf({ name }: Shard): string {
    return join(this.path, `${name}.${this.settings.format}`);
  }

  private noteOf({ name }: Shard): string {
    return join(this.path, NOTES, `${name}.json`);
  }

  private state(shard: Shard): State {
    if (!existsSync(this.fileOf(shard))) return 'absent';
    let note: ShardNote;
    try {
      note = JSON.parse(readFileSync(this.noteOf(shard), 'utf8')) as ShardNote;
    } catch {
      return 'of unknown origin';
    }
    if (note.settings !== this.hash) return 'of other settings';
    return note.input === shard.fingerprint ? 'done' : 'of another input';
  }

  isDone(shard: Shard): boolean {
    return this.state(shard) === 'done';
  }

  /**
   * The shards whose outputs are not there yet.
   * @throws UserError for outputs that are there but of something else, unless they may be overwritten
   */
  unfinished(shards: readonly Shard[]): Shard[] {
    const states = shards.map((shard) => ({ shard, state: this.state(shard) }));
    // Those of other settings were given up by whoever changed the settings of the folder.
    const foreign = states.filter(
      ({ state }) => state === 'of another input' || state === 'of unknown origin',
    );
    if (foreign.length > 0 && !this.overwrite) {
      const shown = foreign.slice(0, 3).map(({ shard, state }) => `${this.fileOf(shard)} (${state})`);
      if (foreign.length > 3) shown.push(`${foreign.length - 3} more`);
      throw new UserError(`outputs that these inputs did not make are in the way: ${shown.join(', ')}`, {
        hint: '--overwrite makes them anew; another --output keeps both',
      });
    }
    // A process that was killed when its output was complete may have left its lock.
    for (const { shard, state } of states) if (state === 'done') clearStaleLock(this.lockOf(shard));
    return states.filter(({ state }) => state !== 'done').map(({ shard }) => shard);
  }

  /** Takes a shard for this process, or says which one has it. */
  take(shard: Shard): Lock | { owner: string } {
    const path = this.lockOf(shard);
    mkdirSync(dirname(path), { recursive: true });
    return Lock.take(path);
  }

  /** Waits until the process that has the shard is done with it, or gone. */
  waitFor(shard: Shard, log: Log, signal?: AbortSignal): Promise<Lock> {
    return Lock.acquire(this.lockOf(shard), `captions ${shard.name}`, log, signal);
  }

  private lockOf({ name }: Shard): string {
    return join(this.path, NOTES, `${name}.lock`);
  }

  /**
   * Hands rows to `work` and puts the whole file in its place, unless `work` throws: then nothing is left.
   * @param lock of the shard: a process that was held up so long that another took over must not write
   */
  async write(
    shard: Shard,
    lock: Lock,
    work: (rows: RowWriter) => Promise<ShardCounts>,
  ): Promise<ShardCounts> {
    const file = this.fileOf(shard);
    mkdirSync(dirname(file), { recursive: true });
    for (const path of [file, this.noteOf(shard)]) recoverDirectory(path, true); // what killed processes left
    const temporary = temporaryName(file);
    const rows = await openRows(this.settings.format, temporary);
    try {
      const counts = await work(rows);
      rows.finish();
      lock.check();
      // First the note, then the file: one that is there has its note.
      const note: ShardNote = { settings: this.hash, input: shard.fingerprint, ...counts };
      if (existsSync(file)) rmSync(file);
      writeFileAtomic(this.noteOf(shard), `${JSON.stringify(note)}\n`);
      renameSync(temporary, file);
      sync(dirname(file));
      return counts;
    } catch (error) {
      rows.close();
      rmSync(temporary, { force: true });
      throw error;
    }
  }
}

function readSettings(file: string): OutputSettings {
  let found: OutputSettings & { version?: unknown };
  try {
    found = JSON.parse(readFileSync(file, 'utf8')) as OutputSettings;
    if (typeof found !== 'object' || found === null) throw new Error('it is no object');
  } catch (error) {
    throw new UserError(`${file} is damaged: ${messageOf(error)}`, {
      hint: 'take another --output',
      cause: error,
    });
  }
  const { version, ...settings } = found;
  if (version !== VERSION) {
    throw new UserError(
      `${file}: version ${JSON.stringify(version)}, this showtell reads version ${VERSION}`,
      {
        hint: 'take another --output',
      },
    );
  }
  return settings;
}

/** What differs, for people. */
function apart(known: OutputSettings, wanted: OutputSettings): string {
  const short = (value: unknown) =>
    typeof value === 'string' && /^[0-9a-f]{64}$/.test(value) ? value.slice(0, 12) : value;
  const differing = (Object.keys(wanted) as (keyof OutputSettings)[]).filter(
    (name) => JSON.stringify(known[name]) !== JSON.stringify(wanted[name]),
  );
  const shown = differing.filter((name) => name !== 'search' || !differing.includes('decoding'));
  const text = (value: unknown) => (typeof value === 'object' ? JSON.stringify(value) : String(short(value)));
  return shown.map((name) => `${name} ${text(known[name])} -> ${text(wanted[name])}`).join('; ');
}

/** Whether a path could be a folder of outputs. @throws UserError that says what is in the way */
export function checkOutputFolder(path: string): void {
  if (existsSync(path) && !statSync(path).isDirectory()) {
    throw new UserError(`the output ${path} is a file; it has to be a folder`);
  }
}
