/** Behind PAGE_BASE, the style sheet of the check: light and dark, from phone to desk; colours from Okabe and Ito's palette. */
export const PAGE_STYLE = `
:root { --error: #a02020; --warning: #8a4b00; --note: #0066a1; --good: #00634a; --bar: #56b4e9; --cut: #e69f00; }
@media (prefers-color-scheme: dark) {
  :root { --error: #ff9b8f; --warning: #f0b450; --note: #7cc4ee; --good: #7fe0bd; --bar: #3f8fbf; --cut: #b8821a; }
}
main, header { max-width: 66rem; margin: 0 auto; padding: 0 1.25rem; }
main { padding-bottom: 3rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
.verdict { font-size: 1.1rem; font-weight: 600; }
.error { color: var(--error); } .warning { color: var(--warning); } .note { color: var(--note); } .good { color: var(--good); }
th, .soft, figcaption { color: var(--soft); }
th { white-space: nowrap; }
details.finding { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .7rem .9rem; margin: .6rem 0; }
details.finding ul { margin: .5rem 0 0; padding-left: 1.2rem; font-size: .9rem; }
summary b { text-transform: capitalize; margin-right: .4rem; }
.pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); gap: .8rem; list-style: none; padding: 0 !important; }
.pairs div { display: flex; flex-wrap: wrap; gap: .4rem; }
.pairs img { height: 7.5rem; max-width: 100%; border-radius: .35rem; display: block; }
svg { width: 100%; max-width: 40rem; height: auto; display: block; }
svg rect { fill: var(--bar); } svg rect.cut { fill: var(--cut); } svg text { fill: var(--soft); font-size: 11px; }
figure { margin: .4rem 0 1rem; } figcaption { font-size: .9rem; }
@media (max-width: 34rem) { table { font-size: .85rem; } th, td { padding-right: .7rem; } }
`;
