/** What README and docs tell people to type exists: commands, options, files, scripts, exports. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { CliCommand } from '../src/cli/types.js';

const root = fileURLToPath(new URL('../', import.meta.url));
const documents = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => join('docs', name))].filter(
  (name) => name.endsWith('.md'),
);
const textOf = (document: string) => readFileSync(join(root, document), 'utf8');

/** Lines of the shell blocks, without their comments. */
function shellLines(document: string): string[] {
  return [...textOf(document).matchAll(/```sh\n([^]*?)```/g)]
    .flatMap(([, block]) => block.split('\n'))
    .map((line) => line.replace(/\s+#.*/, '').trim())
    .filter((line) => line !== '');
}

async function command(name: string): Promise<CliCommand> {
  const module = (await import(`../src/cli/${name}.ts`)) as { command: CliCommand };
  return module.command;
}

describe.each(documents)('%s', (document) => {
  const lines = shellLines(document);

  it('names commands and options that exist', async () => {
    for (const line of lines.filter((text) => text.startsWith('npx showtell '))) {
      const [name, ...words] = line.split(/\s+/).slice(2);
      const { options } = await command(name);
      for (const word of words.filter((each) => each.startsWith('--'))) {
        expect(Object.keys(options), `${line}: ${word}`).toContain(word.slice(2));
      }
    }
  });

  it('names scripts of package.json', () => {
    const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
    for (const line of lines) {
      const script = /^npm (?:run )?(\S+)/.exec(line)?.[1];
      if (script) expect(Object.keys(scripts), line).toContain(script);
    }
  });

  it('names files that exist', () => {
    const text = textOf(document);
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link]) =>
      join(dirname(document), link),
    );
    const recipes = [...text.matchAll(/\bconfigs\/[\w.-]+\.yaml/g)].map(([path]) => path);
    for (const path of [...links, ...recipes]) expect(existsSync(join(root, path)), path).toBe(true);
  });
});

it("README's TypeScript imports what the library exports", async () => {
  const [, names] = /import \{ ([^}]+) \} from 'showtell'/.exec(textOf('README.md'))!;
  const library = (await import('../src/index.js')) as Record<string, unknown>;
  for (const name of names.split(', ')) expect(typeof library[name], name).toBe('function');
});
