/** Says in plain words what a validation issue means and what is accepted instead. */
import { z } from 'zod';
import { configSchema } from './schema.js';

export type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

export interface Mistake {
  path: (string | number)[];
  text: string;
}

function unwrap(schema: z.ZodType): z.ZodType {
  const inner = (schema.def as { innerType?: z.ZodType }).innerType;
  return inner ? unwrap(inner) : schema;
}

/** The schema at `path`; in a union, the member that `input` names, as by its `type`. */
export function schemaAt(path: Path, input: unknown): z.ZodType | undefined {
  let schema: z.ZodType | undefined = configSchema;
  let value = input;
  for (const key of path) {
    const object: z.ZodType = memberOf(unwrap(schema), value);
    if (object instanceof z.ZodArray && typeof key === 'number') {
      schema = object.element as z.ZodType;
      value = (value as unknown[] | undefined)?.[key];
      continue;
    }
    if (!(object instanceof z.ZodObject)) return undefined;
    schema = (object.shape as Record<string, z.ZodType>)[String(key)];
    if (!schema) return undefined;
    value = (value as Record<string, unknown> | undefined)?.[String(key)];
  }
  return schema;
}

function memberOf(schema: z.ZodType, value: unknown): z.ZodType {
  if (!(schema instanceof z.ZodDiscriminatedUnion)) return schema;
  const { discriminator } = schema.def;
  const named = (value as Record<string, unknown> | null | undefined)?.[discriminator];
  return (
    (schema.options as z.ZodObject<Record<string, z.ZodLiteral>>[]).find(
      ({ shape }) => shape[discriminator].value === named,
    ) ?? schema
  );
}

/** What the key that tells the members of a union apart may be. */
function namesOf(schema: z.ZodType): string[] {
  if (!(schema instanceof z.ZodDiscriminatedUnion)) return [];
  return (schema.options as z.ZodObject<Record<string, z.ZodLiteral>>[]).map(({ shape }) =>
    String(shape[schema.def.discriminator].value),
  );
}

/** The keys that the object at `path` accepts. */
function keysAt(path: Path, input: unknown): string[] {
  let value = input;
  for (const key of path) value = (value as Record<PropertyKey, unknown> | undefined)?.[key];
  const schema = schemaAt(path, input);
  const object = schema && memberOf(unwrap(schema), value);
  return object instanceof z.ZodObject ? Object.keys(object.shape) : [];
}

const show = (value: unknown): string => JSON.stringify(value) ?? 'nothing';

function valueAt(path: Path, input: unknown): unknown {
  return path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
    input,
  );
}

function expectation(issue: Issue, input: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.expected === 'int' ? 'expected a whole number' : `expected ${article(issue.expected)}`;
    case 'invalid_value':
      return `expected ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `expected ${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}`;
    case 'too_big':
      return `expected ${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}`;
    case 'invalid_format':
      return `expected ${issue.message}`;
    case 'invalid_union': {
      if (issue.discriminator) {
        const schema = schemaAt(issue.path.slice(0, -1), input);
        return `expected one of ${(schema ? namesOf(unwrap(schema)) : []).join(', ')}`;
      }
      return 'expected another form';
    }
    default:
      return issue.message;
  }
}

function article(type: string): string {
  return type === 'object'
    ? 'keys and values'
    : type === 'array' || type === 'tuple'
      ? 'a list'
      : `a ${type}`;
}

/** The mistakes behind one issue, each with the path of the key to mend. */
export function describeIssue(issue: Issue, input: unknown): Mistake[] {
  const path = issue.path as (string | number)[];
  if (issue.code === 'unrecognized_keys') {
    const keys = keysAt(path, input).join(', ');
    return issue.keys.map((key) => ({ path: [...path, key], text: `unknown key; accepted here: ${keys}` }));
  }
  const value = valueAt(path, input);
  const meaning = schemaAt(path, input)?.description;
  const received = value === undefined ? 'is missing' : `received ${show(value)}`;
  const text = `${expectation(issue, input)}, ${received}${meaning ? ` (${meaning})` : ''}`;
  return [{ path, text }];
}
