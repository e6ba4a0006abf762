import { expect, it } from 'vitest';
import { runCommand } from '../../tests/command-line.js';
import { UserError } from '../core/index.js';
import { describeError } from './main.js';
import { terminalLog } from './terminal.js';

function run(...argv: string[]) {
  return runCommand(argv, {});
}

it('describes every command in the help', async () => {
  const { code, out } = await run('--help');
  expect(code).toBe(0);
  for (const name of ['train', 'evaluate', 'caption', 'import', 'export', 'demo', 'info', 'setup'])
    expect(out).toContain(`showtell ${name}`);
});

it('describes the options of one command', async () => {
  const { code, out } = await run('info', '--help');
  expect(code).toBe(0);
  expect(out).toContain('--json');
});

it('names an unknown command, option, and a missing command', async () => {
  expect(await run('sing')).toMatchObject({
    code: 1,
    out: '',
    err: expect.stringContaining('error: unknown command "sing"'),
  });
  expect(await run('info', '--loud')).toMatchObject({
    code: 1,
    out: '',
    err: expect.stringMatching(/error: .*loud/),
  });
  expect(await run('evaluate', '--checkpoint', 'a', '--checkpoint', 'b')).toMatchObject({
    code: 1,
    out: '',
    err: expect.stringContaining('error: --checkpoint is given more than once'),
  });
  expect(await run()).toMatchObject({
    code: 1,
    out: '',
    err: expect.stringContaining('error: Which command?'),
  });
});

it('prints a user error without its stack, and a bug with it', () => {
  expect(describeError(new UserError('a.txt is missing', { hint: 'create it' }))).toBe(
    'error: a.txt is missing\n  create it\n',
  );
  expect(describeError(new TypeError('x is undefined'))).toMatch(/bug:\nTypeError: x is undefined\n\s+at /);
});

it('prints a bar of any length as at most ten plain lines', () => {
  let time = 0;
  const lines: string[] = [];
  const log = terminalLog({ write: (text) => lines.push(text) }, () => time);
  const bar = log.progress('encoding', 1000);
  for (let i = 1; i <= 1000; i++) {
    time += 100;
    bar.update(i, 'ok');
  }
  bar.end();
  expect(lines).toHaveLength(10);
  expect(lines[4]).toBe('encoding: 500/1000, 50s, 50s left  ok\n');
  expect(lines[9]).toBe('encoding: 1000/1000, 1m40s  ok\n');
});
