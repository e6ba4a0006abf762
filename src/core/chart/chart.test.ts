import { describe, expect, it } from 'vitest';
import { lineChart, type Chart } from './chart.js';
import { linearAxis, logarithmicAxis, thin, tickLabel } from './scale.js';

const chart = (change: Partial<Chart> = {}): string =>
  lineChart({
    id: 'loss',
    title: 'Loss, nats',
    across: 'step',
    lines: [{ name: 'loss', points: [10, 20, 30].map((x) => ({ x, y: 90 / x })) }],
    ...change,
  }).text;

/** The points of the lines, or of the bands. */
const points = (page: string, shape = 'polyline'): number[][][] =>
  [...page.matchAll(new RegExp(`<${shape} class="[^"]*" points="([^"]*)"`, 'g'))].map(([, list]) =>
    list.split(' ').map((point) => point.split(',').map(Number)),
  );

describe('axes', () => {
  it('end at round numbers and have about five ticks', () => {
    expect(linearAxis(0, 3.6, { ends: 'round' }).ticks).toEqual([0, 1, 2, 3, 4]);
    expect(linearAxis(0, 0.93, { ends: 'round' }).ticks).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(linearAxis(-0.02, 0.013, { ends: 'round' }).ticks).toEqual([-0.02, -0.01, 0, 0.01, 0.02]);
    expect(linearAxis(0, 0, { ends: 'round' }).ticks).toEqual([0, 0.2]);
  });

  it('begin and end where the data does, with ticks at whole numbers', () => {
    const { ticks, place } = linearAxis(1, 12, { ends: 'exact', whole: true });
    expect(ticks).toEqual([5, 10]);
    expect([1, 12].map(place)).toEqual([0, 1]);
    expect(linearAxis(1, 3, { ends: 'exact', whole: true }).ticks).toEqual([1, 2, 3]);
    expect(linearAxis(4, 4, { ends: 'exact', whole: true }).place(4)).toBe(0.5);
  });

  it('go by powers of ten', () => {
    const { ticks, place } = logarithmicAxis(0.02, 90);
    expect(ticks.map(tickLabel)).toEqual(['0.01', '0.1', '1', '10', '100']);
    expect(place(1)).toBeCloseTo(0.5, 12);
    expect(logarithmicAxis(1, 1).ticks).toEqual([1, 10]);
    expect(logarithmicAxis(1e-9, 1e9).ticks.length).toBeLessThan(8);
  });

  it('have short labels', () => {
    expect([0, 0.25, 2500, 12_500, 250_000, 1_500_000, 4e-4, -2e-5, 1e40].map(tickLabel)).toEqual([
      ...['0', '0.25', '2500', '12.5k', '250k', '1.5M', '4e-4', '-2e-5', '1e40'],
    ]);
  });
});

describe('thin', () => {
  it('keeps short curves, and means and ranges of long ones', () => {
    const four = [5, 1, 2, 6].map((y, x) => ({ x, y }));
    expect(thin(four, 4, 0, 3).map(({ y }) => y)).toEqual([5, 1, 2, 6]);
    expect(thin(four, 2, 0, 3)).toEqual([
      { x: 0.5, y: 3, low: 1, high: 5 },
      { x: 2.5, y: 4, low: 2, high: 6 },
    ]);
  });
});

describe('lineChart', () => {
  it('draws higher values higher, within the picture', () => {
    const [[first, second, third]] = points(chart());
    expect(first[0]).toBeLessThan(second[0]);
    expect(second[0] - first[0]).toBeCloseTo(third[0] - second[0], 0);
    expect(first[1]).toBeLessThan(second[1]); // SVG counts from the top
    for (const [x, y] of [first, second, third]) {
      expect(x).toBeGreaterThan(0);
      expect(x).toBeLessThan(340);
      expect(y).toBeGreaterThan(0);
      expect(y).toBeLessThan(220);
    }
  });

  it('shows a spike of a long curve in the band, and stays small', () => {
    const long = Array.from({ length: 100_000 }, (_, x) => ({ x, y: x === 60_000 ? 10 : 1 }));
    const page = chart({ lines: [{ name: 'loss', points: long }] });
    expect(page.length).toBeLessThan(20_000);
    const [line] = points(page);
    expect(line.length).toBeLessThanOrEqual(200);
    const [band] = points(page, 'polygon');
    const top = Math.min(...band.map(([, y]) => y));
    expect(top).toBeLessThan(30);
    expect(Math.min(...line.map(([, y]) => y))).toBeGreaterThan(100);
  });

  it('says in words and in a table what it shows', () => {
    const page = chart();
    expect(page).toContain('loss: 9 at step 10, 3 at step 30');
    expect(page).toContain('aria-labelledby="loss-title loss-description"');
    expect(page.match(/<tr>/g)).toHaveLength(1 + 3);
    expect(chart({ table: false })).not.toContain('<table>');
  });

  it('puts long curves in ranges of the table, each value in its own', () => {
    const steps = Array.from({ length: 40 }, (_, i) => ({ x: i + 1, y: i < 20 ? 1 : 3 }));
    const some = steps.slice(0, 2).map(({ x }) => ({ x, y: 8 }));
    const page = chart({
      lines: [
        { name: 'a', points: steps },
        { name: 'b', points: some },
      ],
    });
    const rows = page.match(/<tr>[^]*?<\/tr>/g)!.map((row) =>
      row
        .replace(/<[^>]*>/g, ' ')
        .trim()
        .split(/\s+/),
    );
    expect(rows).toHaveLength(1 + 20);
    expect(rows[1]).toEqual(['1', 'to', '2', '1', '8']);
    expect(rows[20]).toEqual(['39', 'to', '40', '3']);
  });

  it('leaves out what is no number, and draws nothing of nothing', () => {
    const bad = [
      { x: 1, y: NaN },
      { x: 2, y: 4 },
      { x: 3, y: null as unknown as number },
    ];
    const page = chart({ lines: [{ name: 'loss', points: bad }] });
    expect(points(page)).toEqual([[[expect.any(Number), expect.any(Number)]]]);
    expect(page).not.toContain('NaN');
    expect(chart({ lines: [{ name: 'loss', points: [] }] })).toBe('');
    expect(chart({ lines: [] })).toBe('');
  });

  it('names several lines, and marks places', () => {
    const page = chart({
      lines: ['first', 'second <b>'].map((name, i) => ({
        name,
        points: [
          { x: 1, y: i },
          { x: 9, y: 1 },
        ],
      })),
      marks: [
        { x: 5, label: 'best', kind: 'best' },
        { x: 50, label: 'out of sight', kind: 'stage' },
      ],
    });
    expect(page).toContain('class="legend"');
    expect(page).toContain('second &lt;b&gt;');
    expect(page).toContain('class="mark best"');
    expect(page).not.toContain('out of sight');
  });

  it('goes by powers of ten only where all values allow it', () => {
    const spread = [1, 1000].map((y, x) => ({ x, y }));
    const lines = [{ name: 'norm', points: spread }];
    expect(chart({ lines, logarithmic: true })).toMatch(/>100<\/text/);
    const zero = [{ name: 'norm', points: [...spread, { x: 2, y: 0 }] }];
    expect(chart({ lines: zero, logarithmic: true })).toMatch(/>200<\/text/);
  });
});
