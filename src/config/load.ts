/**
 * Reads a configuration from YAML. All mistakes are reported at once, each with its line, the key's path and what
 * is accepted.
 */
import { readFileSync } from 'node:fs';
import { isMap, isPair, isScalar, LineCounter, parseDocument, parse as parseYaml, stringify } from 'yaml';
import type { Document, Node } from 'yaml';
import { messageOf, UserError } from '../core/index.js';
import { describeIssue, schemaAt, type Issue } from './describe.js';
import { configSchema, type Config } from './schema.js';

type Path = readonly (string | number)[];

/** The line (from 1) where `path`, or its nearest existing parent, stands. */
function lineOf(document: Document, lines: LineCounter, path: Path): number {
  for (let length = path.length; length > 0; length--) {
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    if (!isMap(parent)) continue;
    const pair = parent.items.find(
      (item) => isPair(item) && isScalar(item.key) && item.key.value === path[length - 1],
    );
    const start = (pair?.key as Node | undefined)?.range?.[0];
    if (start !== undefined) return lines.linePos(start).line;
  }
  return 1;
}

function applyOverride(document: Document, override: string): Path {
  const split = override.indexOf('=');
  const path = override.slice(0, Math.max(split, 0)).split('.');
  if (split < 1 || path.some((part) => part === '')) {
    throw new UserError(`--set ${override}: expected key=value, as in --set training.epochs=3`);
  }
  let value: unknown;
  try {
    value = parseYaml(override.slice(split + 1)) as unknown;
  } catch (error) {
    throw new UserError(`--set ${override}: the value is not YAML: ${messageOf(error).split('\n')[0]}`);
  }
  for (let length = 1; length < path.length; length++) {
    const parent = document.getIn(path.slice(0, length));
    if (parent === undefined || parent === null)
      document.setIn(path.slice(0, length), document.createNode({}));
    else if (!isMap(parent)) {
      throw new UserError(
        `--set ${override}: ${path.slice(0, length).join('.')} holds a value, not further keys`,
      );
    }
  }
  document.setIn(path, document.createNode(value));
  return path;
}

/**
 * Validates a configuration.
 * @param text YAML
 * @param file its name, for messages
 * @param overrides settings as `path.to.key=value`, applied last
 * @throws UserError that lists every mistake
 */
export function parseConfig(text: string, file: string, overrides: readonly string[] = []): Config {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  if (document.errors.length > 0) {
    const found = document.errors.map(
      (error) =>
        `  ${file}:${lines.linePos(error.pos[0]).line}: ${error.message.split('\n')[0].replace(/ at line.*/, '')}`,
    );
    throw new UserError(`${file} is not valid YAML:\n${found.join('\n')}`);
  }
  if (!isMap(document.contents)) {
    throw new UserError(`${file}:1: expected keys and values, as in configs/demo.yaml`);
  }
  const overridden = overrides.map((override) => applyOverride(document, override));
  const input: unknown = document.toJS();
  const result = configSchema.safeParse(input);
  if (result.success) return result.data;

  const place = (path: Path): string => {
    const set = overridden.find(
      (other) => path.length >= other.length && other.every((part, i) => part === path[i]),
    );
    return set ? `--set ${set.join('.')}` : `${file}:${lineOf(document, lines, path)}`;
  };
  const mistakes = (result.error.issues as Issue[]).flatMap((issue) => describeIssue(issue, input));
  const report = mistakes.map(({ path, text: what }) => `  ${place(path)}: ${path.join('.')}: ${what}`);
  throw new UserError(
    `${report.length === 1 ? 'one mistake' : `${report.length} mistakes`} in ${file}:\n${report.join('\n')}`,
  );
}

/** Reads and validates a configuration file; see {@link parseConfig}. */
export function loadConfig(path: string, overrides: readonly string[] = []): Config {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UserError(`cannot read the config ${path}: ${messageOf(error)}`, {
      hint: 'configs/ holds the recipes that come with showtell',
      cause: error,
    });
  }
  return parseConfig(text, path, overrides);
}

/** A configuration as YAML, each key with its description as a comment. */
export function formatConfig(config: Config): string {
  const document = parseDocument(stringify(config));
  const comment = (node: unknown, path: (string | number)[]): void => {
    if (!isMap(node)) return;
    for (const pair of node.items) {
      const key = [...path, String((pair.key as { value: unknown }).value)];
      const description = schemaAt(key, config)?.description;
      if (isMap(pair.value)) {
        if (description) (pair.key as Node).commentBefore = ` ${description}`;
        comment(pair.value, key);
      } else if (description && isScalar(pair.value)) pair.value.comment = ` ${description}`;
    }
  };
  comment(document.contents, []);
  return document.toString({ lineWidth: 0 });
}
