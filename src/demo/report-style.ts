/** The report's style sheet, but for its charts: light and dark, from phone to desk. */
export const REPORT_STYLE = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --card: #f6f7f9; --line: #dfe3e8; --ink: #1c2128; --soft: #57606a;
  --good: #00634a; --good-paper: #d9f2e8; --off: #7a4a00; --off-paper: #fdeed2;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #12161c; --card: #1b2129; --line: #323b47; --ink: #e7ebf0; --soft: #a3adb8;
    --good: #7fe0bd; --good-paper: #12382c; --off: #f3c778; --off-paper: #3d2d10;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 17px/1.6 system-ui, sans-serif; overflow-wrap: break-word; }
main, header, footer { max-width: 70rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.5rem; }
h1 { font-size: clamp(1.7rem, 5vw, 2.5rem); line-height: 1.2; margin: 0 0 .6rem; }
h2 { font-size: 1.45rem; margin: 3rem 0 .5rem; }
h3 { font-size: 1.05rem; line-height: 1.4; margin: 0; }
p { max-width: 46rem; margin: .5rem 0 1rem; }
.soft, th, summary { color: var(--soft); }
code { font-size: .9em; background: var(--card); padding: .1em .35em; border-radius: .3em; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; margin: 1.5rem 0 0; padding: 0; }
.figures div { background: var(--card); border: 1px solid var(--line); border-radius: .7rem; padding: .8rem 1rem; display: flex; flex-direction: column-reverse; }
.figures dt { color: var(--soft); font-size: .88rem; line-height: 1.35; }
.figures dd { margin: 0; font-size: 1.7rem; line-height: 1.3; font-weight: 650; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .5rem 0; }
caption { text-align: left; color: var(--soft); font-size: .9rem; padding-bottom: .3rem; }
th, td { text-align: left; padding: .35rem 1.4rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 500; }
td.number, th.number { text-align: right; }
.cards { display: grid; gap: 1rem; padding: 0; margin: 1rem 0; list-style: none; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .7rem; padding: 1rem; display: grid; grid-template-columns: 10rem minmax(0, 1fr); gap: .9rem 1.2rem; align-items: start; }
.card > img { width: 100%; border-radius: .4rem; display: block; }
.badge { display: inline-block; font-size: .8rem; font-weight: 600; border-radius: 1rem; padding: .05rem .65rem; margin: .45rem 0; }
.badge.exact { color: var(--good); background: var(--good-paper); } .badge.other { color: var(--off); background: var(--off-paper); }
details { font-size: .92rem; } summary { cursor: pointer; } details ul { margin: .3rem 0 0; padding-left: 1.2rem; }
.words { display: flex; flex-wrap: wrap; gap: .45rem; padding: 0; margin: .7rem 0 0; list-style: none; }
.words li { width: var(--tile, 4rem); font-size: .8rem; line-height: 1.3; text-align: center; }
.veil { aspect-ratio: var(--aspect, 1); background-size: 100% 100%; border-radius: .3rem; margin-bottom: .1rem; }
footer { margin: 3rem auto 2.5rem; color: var(--soft); font-size: .9rem; }
@media (max-width: 40rem) {
  .card { grid-template-columns: minmax(0, 1fr); } .card > img { max-width: 15rem; }
  .words { gap: .35rem; } .words li { width: calc((100% - 3 * .35rem) / 4); }
}
`;
