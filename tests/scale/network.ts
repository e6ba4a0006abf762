/**
 * Several hosts on one machine: network namespaces, joined by a bridge that lives in one of its own, so that the machine's own
 * network sees none of them.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const agent = fileURLToPath(new URL('./enter-host', import.meta.url));

/** Where `mpirun` runs. */
const HEAD = 'head';
const SWITCH = 'switch';

/** All ends and all messages go over TCP; the launcher notices in 16 to 20 s that a host does not answer (docs/scale.md). */
const settings = {
  plm_rsh_agent: agent,
  btl: 'tcp,self',
  btl_tcp_if_include: 'eth0',
  oob_tcp_if_include: 'eth0',
  oob_tcp_keepalive_time: '4',
  oob_tcp_keepalive_intvl: '4',
  oob_tcp_keepalive_probes: '4',
};

let networks = 0;

function run(program: string, argv: string[], environment = process.env): string {
  const { status, error, stdout, stderr } = spawnSync(program, argv, { encoding: 'utf8', env: environment });
  if (error) throw new Error(`there is no ${program} (${error.message})`);
  if (status !== 0)
    throw new Error(`${program} ${argv.join(' ')}: ${stderr.trim() || `exit code ${status}`}`);
  return stdout;
}

/** @returns why there can be no hosts here; undefined: they can be */
export function whyNoHosts(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root makes network namespaces';
  let network: Network | undefined;
  try {
    run('mpirun', ['--version']);
    network = new Network(['a']);
    network.slow('a', '1mbit');
    network.enter('a', 'getent hosts head');
    return undefined;
  } catch (error) {
    return (error as Error).message;
  } finally {
    network?.remove();
  }
}

export class Network {
  private readonly name = `showtell-${process.pid}-${networks++}`;
  private readonly folder = mkdtempSync(join(tmpdir(), 'showtell-network-'));
  private readonly environment = {
    ...process.env,
    NETWORK: this.name,
    NETWORK_HOSTS: join(this.folder, 'hosts'),
  };
  private readonly made: string[] = [];

  /** @throws Error where namespaces, their links or their names are refused; what was made is gone */
  constructor(readonly hosts: string[]) {
    const all = [HEAD, ...hosts];
    const address = (i: number) => `10.77.0.${i + 1}`;
    const lines = ['127.0.0.1 localhost', ...all.map((host, i) => `${address(i)} ${host}`)];
    writeFileSync(this.environment.NETWORK_HOSTS, `${lines.join('\n')}\n`);
    try {
      this.make(SWITCH);
      this.ip(SWITCH, 'link add name bridge type bridge');
      this.ip(SWITCH, 'link set bridge up');
      all.forEach((host, i) => {
        this.make(host);
        this.ip(SWITCH, `link add name to-${host} type veth peer name eth0 netns ${this.name}-${host}`);
        this.ip(SWITCH, `link set to-${host} master bridge up`);
        this.ip(host, `address add ${address(i)}/24 dev eth0`);
        this.ip(host, 'link set eth0 up');
        this.ip(host, 'link set lo up');
        this.enter(host, 'true');
      });
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  private make(host: string): void {
    run('ip', ['netns', 'add', `${this.name}-${host}`]);
    this.made.push(host);
  }

  private ip(host: string, command: string): string {
    return run('ip', ['-netns', `${this.name}-${host}`, ...command.split(' ')]);
  }

  /** Runs a command of the shell on a host. */
  enter(host: string, command: string): string {
    return run(agent, [host, command], this.environment);
  }

  /**
   * Starts as many processes on each host.
   * @param argv of each
   */
  mpirun(perHost: number, argv: string[], hosts = this.hosts) {
    const words = [
      ...['mpirun', '--allow-run-as-root', '--host', hosts.map((host) => `${host}:${perHost}`).join(',')],
      ...Object.entries({ ...settings, orte_tmpdir_base: this.folder }).flatMap(([key, value]) => [
        '--mca',
        key,
        value,
      ]),
      ...argv,
    ];
    const command = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    const child = spawn(agent, [HEAD, `exec ${command}`], { env: this.environment });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    return new Promise<{ code: number | null; said: string }>((resolve) => {
      // Not `close`: a process that outlives the launcher keeps its pipes.
      child.on('exit', (code) => resolve({ code, said }));
    });
  }

  /** Numbers of the processes on a host. */
  processes(host: string): number[] {
    const pids = run('ip', ['netns', 'pids', `${this.name}-${host}`]);
    return pids.split('\n').filter(Boolean).map(Number);
  }

  /** Those that the launcher's daemon, which a host without power would not have, started there. */
  trainings(host: string): number[] {
    return this.processes(host).filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/comm`, 'utf8') !== 'orted\n';
      } catch {
        return false; // it ended
      }
    });
  }

  signal(host: string, signal: NodeJS.Signals): void {
    for (const pid of this.processes(host)) {
      try {
        process.kill(pid, signal);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  }

  /** As if the host had lost its power, or its cable: nobody is told. */
  unplug(host: string): void {
    this.ip(SWITCH, `link set to-${host} down`);
  }

  /** Limits what a host sends and receives. */
  slow(host: string, rate: string): void {
    const limit = `root tbf rate ${rate} burst 16kb limit 1mb`.split(' ');
    run('tc', ['-netns', `${this.name}-${host}`, 'qdisc', 'add', 'dev', 'eth0', ...limit]);
    run('tc', ['-netns', `${this.name}-${SWITCH}`, 'qdisc', 'add', 'dev', `to-${host}`, ...limit]);
  }

  /** How often the limit made a packet of this host wait. */
  delayed(host: string): number {
    const said = run('tc', ['-netns', `${this.name}-${host}`, '-statistics', 'qdisc', 'show', 'dev', 'eth0']);
    return Number(/overlimits (\d+)/.exec(said)?.[1]);
  }

  /** Ends what runs on the hosts, and takes them away. */
  remove(): void {
    for (const host of this.made) this.signal(host, 'SIGKILL');
    for (const host of this.made.splice(0)) run('ip', ['netns', 'delete', `${this.name}-${host}`]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
