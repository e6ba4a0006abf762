import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { endProfile, mark, startProfile } from './profile.js';

describe('a profile', () => {
  it('gives each section the time from its marks to the next ones', async () => {
    mark('before it began');
    startProfile();
    mark('short');
    mark('long');
    await setTimeout(40);
    mark('short');
    mark(undefined);
    await setTimeout(40);
    mark('short');
    const rows = endProfile();
    expect(rows.map(({ section, times }) => [section, times])).toEqual([
      ['short', 3],
      ['long', 1],
    ]);
    expect(rows[1].seconds).toBeGreaterThan(0.03);
    expect(rows[0].seconds).toBeLessThan(rows[1].seconds); // what is nobody's is not counted
  });

  it('is empty when none was begun', () => {
    mark('nothing');
    expect(endProfile()).toEqual([]);
  });
});
