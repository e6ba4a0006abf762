import { describe, expect, it } from 'vitest';
import { ApiError } from './errors.js';
import { parseFields } from './fields.js';

const fieldsOf = (query: string) => parseFields([...new URLSearchParams(query)]);

function messageOf(query: string): string {
  try {
    fieldsOf(query);
  } catch (error) {
    expect(error).toBeInstanceOf(ApiError);
    expect((error as ApiError).refusal).toMatchObject({ status: 400, code: 'bad_field' });
    return (error as ApiError).message;
  }
  throw new Error(`${query} was taken`);
}

describe('fields', () => {
  it('become what the schema wants', () => {
    expect(fieldsOf('')).toEqual({});
    expect(
      fieldsOf('models=a, b&attention=true&beam=3&topP=.9&temperature=1e-1&prefix=3 dogs&bannedWords=man'),
    ).toEqual({
      models: ['a', 'b'],
      attention: true,
      beam: 3,
      topP: 0.9,
      temperature: 0.1,
      prefix: '3 dogs',
      bannedWords: ['man'],
    });
  });

  it.each([
    ['beam=0', /^"beam": .*>=1/],
    ['beam=11', /^"beam": .*<=10/],
    ['beam=', /^"beam": .*number/],
    ['beam=0x3', /^"beam": .*number/],
    ['beam=Infinity', /^"beam": .*number/],
    ['beam=1e999', /^"beam": /],
    ['beam=2.5', /^"beam": .*int/],
    ['attention=yes', /^"attention": .*boolean/],
    ['strategy=best', /^"strategy": .*greedy/],
    ['models=', /^"models": /],
    ['topP=0', /^"topP": /],
    ['beam=2&beam=3', /^"beam": given more than once/],
    ['colour=red', /^unknown field "colour"/],
    ['__proto__=1', /^unknown field "__proto__"/],
    ['toString=1', /^unknown field "toString"/],
    [`prefix=${'a'.repeat(501)}`, /^"prefix": .*500/],
  ])('%s is refused', (query, message) => expect(messageOf(query)).toMatch(message));

  it('names every field that is wrong, at a length that fits', () => {
    expect(messageOf('beam=x&captions=y')).toMatch(/"captions": .*; "beam": /);
    expect(messageOf(`${'x'.repeat(10_000)}=1`).length).toBeLessThan(120);
  });
});
