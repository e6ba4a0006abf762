/**
 * The process beside each of those that train together. It ends with the pipe from its parent. Those of all ranks keep
 * a connection to that of rank 0, and say a word every two seconds: where one is silent, or gone without goodbye, its host is
 * lost, and no launcher may notice for hours.
 */
import { readFileSync } from 'node:fs';
import { createServer, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** What a parent says when all is well. */
export const DONE = 'done';

/** Where the watch of rank 0 is met. */
export interface Meeting {
  /** Of rank 0. */
  host: string;
  /** The number of rank 0's process. */
  pid: number;
  addresses: string[];
  port: number;
  /** Keeps strangers out. */
  token: string;
}

export interface Orders {
  output: string;
  /** The number of the process that is watched. */
  parent: number;
  rank: number;
  host: string;
  meeting: Meeting;
}

/** Milliseconds. */
const BEAT = 2_000;
/** A host that cannot send a word for so long is lost. */
const SILENCE = 12_000;
/** For connecting. */
const CONNECT = 5_000;
/** Deaths so close together have one cause. */
const TOGETHER = 500;
/**
 * For the launcher to notice as well, and to end the processes: Open MPI's waits forever for a host that is lost where it heard
 * of a process that was killed before (`docs/scale.md` has the settings by which it notices).
 */
const GRACE = 9_000;

type Loss = 'died' | 'gone' | 'silent';
type Member = Pick<Orders, 'rank' | 'host'>;
type Word = 'beat' | 'died' | 'done' | 'lost';

const wording: Record<Loss, (host: string) => string> = {
  died: (host) => `died on host ${host}`,
  gone: (host) => `is gone with host ${host}`,
  silent: (host) => `on host ${host} has not been heard of for ${SILENCE / 1000} s`,
};

/** What was saved last, for people. */
function lastSave(output: string): string {
  try {
    const { position } = JSON.parse(readFileSync(join(output, 'state', 'state.json'), 'utf8')) as {
      position: { epoch: number; batch: number; step: number };
    };
    return `it was last saved in epoch ${position.epoch} behind batch ${position.batch}, step ${position.step}; go on with showtell train --resume ${output}`;
  } catch {
    return 'it was not saved yet';
  }
}

/** Keeps a connection alive by words, until it is lost. */
class Link {
  private heard = Date.now();
  private ticked = Date.now();
  private readonly timer = setInterval(() => this.tick(), BEAT);

  constructor(
    private readonly socket: Socket,
    private readonly lost: (how: Loss) => void,
  ) {
    socket.on('data', () => (this.heard = Date.now()));
    socket.on('close', () => this.lose('gone'));
  }

  say(word: Word): void {
    if (this.socket.writable) this.socket.write(`${word}\n`);
  }

  /** Milliseconds since the last word. */
  get quiet(): number {
    return Date.now() - this.heard;
  }

  private tick(): void {
    const now = Date.now();
    // This process itself stood still, with a machine or a job that was suspended.
    if (now - this.ticked > SILENCE / 2) this.heard = now;
    this.ticked = now;
    if (now - this.heard > SILENCE) this.lose('silent');
    else this.say('beat');
  }

  private lose(how: Loss): void {
    clearInterval(this.timer);
    this.lost(how);
  }
}

/** What is common to rank 0 and the others: to say what happened once, and to end the parent. */
abstract class Watch {
  protected parentEnded = false;
  private freed = Promise.resolve();
  /** It was said why the training ends, here or by another watch. */
  protected said = false;

  constructor(protected readonly orders: Orders) {}

  parentSays(last: string): void {
    this.parentEnded = true;
    if (last === DONE) {
      this.parentDone();
      return;
    }
    // Nobody else would.
    if (this.orders.rank === 0) this.freeOutput();
    if (this.said) this.leave();
    else this.parentDied();
  }

  protected abstract parentDone(): void;
  protected abstract parentDied(): void;

  protected report(how: Loss, members: readonly Member[]): void {
    this.said = true;
    const ranks = members.map(({ rank }) => rank).sort((a, b) => a - b);
    const hosts = [...new Set(members.map(({ host }) => host))];
    const { output } = this.orders;
    process.stderr.write(
      `error: rank ${ranks.join(', ')} of the training in ${output} ${wording[how](hosts.join(', '))}; ${lastSave(output)}\n`,
    );
  }

  protected endParent(): void {
    if (this.parentEnded) this.leave();
    else setTimeout(() => this.parentEnded || process.kill(this.orders.parent, 'SIGKILL'), GRACE);
  }

  /** Rank 0 is dead or soon will be, by its own watch: whoever goes on, on another host, is not to wait for it. */
  protected freeOutput(): void {
    const { output, meeting } = this.orders;
    this.freed = import('../core/index.js').then(({ freeLock }) => freeLock(join(output, 'lock'), meeting));
  }

  /** Last words need a moment on the wire. */
  protected leave(): void {
    void this.freed.finally(() => setTimeout(() => process.exit(), TOGETHER));
  }
}

/** Of rank 0. */
class Hub extends Watch {
  private readonly links = new Map<number, { member: Member; link: Link }>();
  private readonly missing: Member[] = [];

  listen(): void {
    const server = createServer((socket) => this.meet(socket));
    const tell = (port: number) => process.stdout.write(String(port));
    server.on('error', () => tell(0));
    server.listen(0, () => tell((server.address() as { port: number }).port));
  }

  private meet(socket: Socket): void {
    socket.on('error', () => undefined); // followed by `close`
    const stranger = setTimeout(() => socket.destroy(), CONNECT);
    socket.once('close', () => clearTimeout(stranger));
    const lines = createInterface({ input: socket });
    lines.once('line', (line) => {
      clearTimeout(stranger);
      const said = parse(line);
      if (said?.token !== this.orders.meeting.token) {
        socket.destroy();
        return;
      }
      const member = { rank: said.rank, host: said.host };
      const leaves = () => this.links.delete(member.rank);
      const link = new Link(socket, (how) => leaves() && this.miss(how, member));
      this.links.set(member.rank, { member, link });
      lines.on('line', (word) => {
        if (word === 'done') leaves();
        if (word === 'died') this.miss('died', member);
      });
    });
  }

  private miss(how: Loss, member: Member): void {
    if (this.said || this.knows(member.rank)) return;
    this.missing.push(member);
    if (this.missing.length > 1) return;
    setTimeout(() => {
      // The others of a silent host are so as well, but for a part of a beat.
      if (how === 'silent') {
        const quiet = [...this.links.values()].filter(({ link }) => link.quiet > SILENCE / 2);
        this.missing.push(...quiet.map(({ member }) => member).filter(({ rank }) => !this.knows(rank)));
      }
      this.report(how, this.missing);
      this.tell('lost');
      this.endParent();
    }, TOGETHER);
  }

  private knows(rank: number): boolean {
    return this.missing.some((member) => member.rank === rank);
  }

  private tell(word: Word): void {
    for (const { link } of this.links.values()) link.say(word);
  }

  protected parentDone(): void {
    this.tell('done');
    this.leave();
  }

  protected parentDied(): void {
    this.miss('died', this.orders);
  }
}

/** Of the other ranks. */
class Spoke extends Watch {
  private link: Link | undefined;

  async reach(): Promise<void> {
    const { rank, host, meeting } = this.orders;
    const failures: string[] = [];
    for (const address of meeting.addresses) {
      try {
        this.follow(await connectTo(address, meeting.port));
        return;
      } catch (error) {
        failures.push((error as Error).message);
      }
    }
    process.stderr.write(
      `warning: rank ${rank} on host ${host} cannot keep in touch with rank 0 (${failures.join('; ')}): a host that is lost will be noticed by the launcher only\n`,
    );
  }

  private follow(socket: Socket): void {
    const { rank, host, meeting } = this.orders;
    socket.write(`${JSON.stringify({ token: meeting.token, rank, host })}\n`);
    this.link = new Link(socket, (how) => {
      this.link = undefined;
      if (this.said || this.parentEnded) return;
      this.report(how, [{ rank: 0, host: meeting.host }]);
      this.freeOutput();
      this.endParent();
    });
    createInterface({ input: socket }).on('line', (word) => {
      if (word === 'done' || word === 'lost') this.said = true;
      if (word === 'lost') this.endParent();
    });
  }

  protected parentDone(): void {
    this.link?.say('done');
    this.leave();
  }

  /** The watch of rank 0 says it for all, as long as it is there. */
  protected parentDied(): void {
    this.link?.say('died');
    const patience = this.link ? GRACE : 0;
    setTimeout(() => {
      if (!this.said) this.report('died', [this.orders]);
      this.leave();
    }, patience);
  }
}

/** What a connection says first; undefined: a stranger. */
function parse(line: string): (Pick<Meeting, 'token'> & Member) | undefined {
  try {
    const said = JSON.parse(line) as (Pick<Meeting, 'token'> & Member) | null;
    return typeof said === 'object' && said !== null ? said : undefined;
  } catch {
    return undefined;
  }
}

function connectTo(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const timer = setTimeout(() => socket.destroy(new Error(`${host}:${port} does not answer`)), CONNECT);
    socket.once('error', reject); // stays for later ones, which are followed by `close`
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.on('error', () => undefined);
      resolve(socket);
    });
  });
}

function begin(orders: Orders): Watch {
  if (orders.rank === 0) {
    const hub = new Hub(orders);
    hub.listen();
    return hub;
  }
  const spoke = new Spoke(orders);
  void spoke.reach();
  return spoke;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
  let watch: Watch | undefined;
  let last = '';
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      last = line;
      watch ??= begin(JSON.parse(line) as Orders);
    })
    .on('close', () => watch?.parentSays(last));
}
