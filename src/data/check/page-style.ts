/** Style sheet of the check: light and dark, from phone to desk; colours from Okabe and Ito's palette. */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fff; --card: #f6f7f9; --line: #dfe3e8; --ink: #1c2128; --soft: #57606a;
  --error: #a02020; --warning: #8a4b00; --note: #0066a1; --good: #00634a; --bar: #56b4e9; --cut: #e69f00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #12161c; --card: #1b2129; --line: #323b47; --ink: #e7ebf0; --soft: #a3adb8;
    --error: #ff9b8f; --warning: #f0b450; --note: #7cc4ee; --good: #7fe0bd; --bar: #3f8fbf; --cut: #b8821a;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
main, header { max-width: 66rem; margin: 0 auto; padding: 0 1.25rem; }
main { padding-bottom: 3rem; }
h1 { font-size: clamp(1.5rem, 5vw, 2.2rem); line-height: 1.2; margin: 2rem 0 .6rem; }
h2 { font-size: 1.3rem; margin: 2.2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
p { margin: .3rem 0; }
.verdict { font-size: 1.1rem; font-weight: 600; }
.error { color: var(--error); } .warning { color: var(--warning); } .note { color: var(--note); } .good { color: var(--good); }
th, .soft, figcaption { color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem 1.2rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 500; white-space: nowrap; } .number { text-align: right; white-space: nowrap; }
details.finding { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .7rem .9rem; margin: .6rem 0; }
details.finding ul { margin: .5rem 0 0; padding-left: 1.2rem; font-size: .9rem; }
summary { cursor: pointer; } summary b { text-transform: capitalize; margin-right: .4rem; }
.pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); gap: .8rem; list-style: none; padding: 0 !important; }
.pairs div { display: flex; flex-wrap: wrap; gap: .4rem; }
.pairs img { height: 7.5rem; max-width: 100%; border-radius: .35rem; display: block; }
svg { width: 100%; max-width: 40rem; height: auto; display: block; }
svg rect { fill: var(--bar); } svg rect.cut { fill: var(--cut); } svg text { fill: var(--soft); font-size: 11px; }
figure { margin: .4rem 0 1rem; } figcaption { font-size: .9rem; }
@media (max-width: 34rem) { table { font-size: .85rem; } th, td { padding-right: .7rem; } }
`;
