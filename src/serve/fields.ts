/** Fields of a query or a form, which are text, as the values that a schema wants. */
import { z } from 'zod';
import { ApiError } from './errors.js';
import { captionFields, type CaptionFields } from './schemas.js';

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/**
 * @param entries name and text of each field, in any order
 * @throws ApiError 400 that names every field that is wrong
 */
export function parseFields(entries: Iterable<[name: string, text: string]>): CaptionFields {
  const fields = new Map<string, unknown>();
  for (const [name, text] of entries) {
    if (fields.has(name)) throw badField(`${shown(name)}: given more than once`);
    fields.set(name, valueOf(name, text));
  }
  const parsed = captionFields.safeParse(Object.fromEntries(fields));
  if (parsed.success) return parsed.data;
  throw badField(
    parsed.error.issues
      .map(({ path, code, message, ...issue }) =>
        code === 'unrecognized_keys'
          ? `unknown field ${(issue as { keys: string[] }).keys.map(shown).join(', ')}`
          : `${path[0] === undefined ? '' : `${shown(String(path[0]))}: `}${message}`,
      )
      .join('; '),
  );
}

function badField(message: string): ApiError {
  return new ApiError({
    status: 400,
    code: 'bad_field',
    message: `${message}.`,
    hint: 'GET /api/openapi.json describes every field.',
  });
}

/** A name from outside, at a length that fits a message. */
function shown(name: string): string {
  return JSON.stringify(name.length > 40 ? `${name.slice(0, 40)}...` : name);
}

/** Text that is no number or no boolean stays text, for the schema to refuse. */
function valueOf(name: string, text: string): unknown {
  const { shape } = captionFields;
  if (!Object.hasOwn(shape, name)) return text;
  const schema = shape[name as keyof typeof shape].unwrap();
  if (schema instanceof z.ZodNumber) return NUMBER.test(text) ? Number(text) : text;
  if (schema instanceof z.ZodBoolean) return { true: true, false: false }[text] ?? text;
  if (schema instanceof z.ZodArray) return text.split(',').map((part) => part.trim());
  return text;
}
