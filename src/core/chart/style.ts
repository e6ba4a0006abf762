/**
 * Style sheet of charts; the page gives --card, --line, --ink and --soft. Colours from Okabe and Ito's palette, darker on
 * paper where it is too pale for thin lines; dashes tell lines apart without colour.
 */
export const CHART_STYLE = `
:root { --c0: #0072b2; --c1: #b34a00; --c2: #00805f; --c3: #a8467f; --c4: #8a6d00; --c5: #3b3f46; --c6: #2f7fb5; }
@media (prefers-color-scheme: dark) {
  :root { --c0: #56b4e9; --c1: #e69f00; --c2: #2fc79b; --c3: #e39ac3; --c4: #f0e442; --c5: #d5dbe3; --c6: #8fb8ff; }
}
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); gap: 1rem; align-items: start; }
.chart { margin: 0; min-width: 0; background: var(--card); border: 1px solid var(--line); border-radius: .7rem; padding: .7rem .7rem .5rem; }
.chart figcaption { color: var(--soft); font-size: .92rem; line-height: 1.35; }
.chart > svg { width: 100%; height: auto; display: block; }
.chart text { fill: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; }
.chart .mark-label { paint-order: stroke; stroke: var(--card); stroke-width: 4px; }
.chart .grid { stroke: var(--line); }
.chart .mark { stroke: var(--soft); } .chart .mark.stage { stroke-dasharray: 5 4; }
.chart polyline { fill: none; stroke: var(--colour); stroke-width: 2; stroke-linejoin: round; }
.chart polygon { fill: var(--colour); opacity: .22; }
.chart circle { fill: var(--colour); }
${[0, 1, 2, 3, 4, 5, 6].map((i) => `.c${i} { --colour: var(--c${i}); }`).join(' ')}
.chart .d1 { stroke-dasharray: 7 3; } .chart .d2 { stroke-dasharray: 2 3; } .chart .d3 { stroke-dasharray: 9 3 2 3; }
.legend { display: flex; flex-wrap: wrap; gap: .1rem 1rem; list-style: none; margin: .2rem 0 .3rem; padding: 0; font-size: .85rem; overflow-wrap: anywhere; }
.legend svg { width: 26px; height: 8px; vertical-align: middle; margin-right: .3rem; }
.chart details { font-size: .85rem; } .chart summary { color: var(--soft); cursor: pointer; }
`;
