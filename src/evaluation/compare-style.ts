/** Style sheet of the comparison: light and dark, from phone to desk; colours from Okabe and Ito's palette. */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fff; --card: #f6f7f9; --line: #dfe3e8; --ink: #1c2128; --soft: #57606a;
  --a: #0072b2; --b: #b34a00; --gain: #00634a; --loss: #a02020;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #12161c; --card: #1b2129; --line: #323b47; --ink: #e7ebf0; --soft: #a3adb8;
    --a: #56b4e9; --b: #e69f00; --gain: #7fe0bd; --loss: #ff9b8f;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
main, header { max-width: 66rem; margin: 0 auto; padding: 0 1.25rem; }
main { padding-bottom: 3rem; }
h1 { font-size: clamp(1.5rem, 5vw, 2.2rem); line-height: 1.2; margin: 2rem 0 .6rem; }
h2 { font-size: 1.3rem; margin: 2.2rem 0 .5rem; }
p { margin: .3rem 0; }
.a, .b { font-weight: 700; } .a { color: var(--a); } .b { color: var(--b); }
.gain { color: var(--gain); } .loss { color: var(--loss); }
.unsure, th, .note, summary, .name, .alike td { color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.note { font-size: .9rem; max-width: 46rem; }
th, td { text-align: left; padding: .3rem 1.2rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 500; white-space: nowrap; } .number { text-align: right; white-space: nowrap; }
td { min-width: 4.5rem; overflow-wrap: break-word; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(30rem, 100%), 1fr)); gap: .8rem; padding: 0; margin: .6rem 0; list-style: none; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem; display: grid; grid-template-columns: 9rem minmax(0, 1fr); gap: .9rem; align-items: start; }
.card.bare { grid-template-columns: minmax(0, 1fr); }
.card img { width: 100%; border-radius: .35rem; display: block; }
.name { font-size: .85rem; } details { font-size: .9rem; margin-top: .3rem; } summary { cursor: pointer; }
details ul { margin: .3rem 0 0; padding-left: 1.2rem; }
@media (max-width: 34rem) {
  table { font-size: .85rem; } th { white-space: normal; overflow-wrap: normal; } th, td { padding-right: .6rem; } td { min-width: 0; }
  .card { grid-template-columns: minmax(0, 1fr); } .card img { max-width: 14rem; }
}
`;
