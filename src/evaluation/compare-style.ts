/** Behind PAGE_BASE, the style sheet of the comparison: light and dark, from phone to desk; colours from Okabe and Ito's palette. */
export const PAGE_STYLE = `
:root { --a: #0072b2; --b: #b34a00; --gain: #00634a; --loss: #a02020; }
@media (prefers-color-scheme: dark) {
  :root { --a: #56b4e9; --b: #e69f00; --gain: #7fe0bd; --loss: #ff9b8f; }
}
main, header { max-width: 66rem; margin: 0 auto; padding: 0 1.25rem; }
main { padding-bottom: 3rem; }
.a, .b { font-weight: 700; } .a { color: var(--a); } .b { color: var(--b); }
.gain { color: var(--gain); } .loss { color: var(--loss); }
.unsure, th, .note, summary, .name, .alike td { color: var(--soft); }
.note { font-size: .9rem; max-width: 46rem; }
th { white-space: nowrap; }
td { min-width: 4.5rem; overflow-wrap: break-word; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(30rem, 100%), 1fr)); gap: .8rem; padding: 0; margin: .6rem 0; list-style: none; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem; display: grid; grid-template-columns: 9rem minmax(0, 1fr); gap: .9rem; align-items: start; }
.card.bare { grid-template-columns: minmax(0, 1fr); }
.card img { width: 100%; border-radius: .35rem; display: block; }
.name { font-size: .85rem; } details { font-size: .9rem; margin-top: .3rem; }
details ul { margin: .3rem 0 0; padding-left: 1.2rem; }
@media (max-width: 34rem) {
  table { font-size: .85rem; } th { white-space: normal; overflow-wrap: normal; } th, td { padding-right: .6rem; } td { min-width: 0; }
  .card { grid-template-columns: minmax(0, 1fr); } .card img { max-width: 14rem; }
}
`;
