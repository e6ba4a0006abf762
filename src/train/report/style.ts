/** Behind PAGE_BASE, the style sheet of the report, but for its charts: light and dark, from phone to desk. */
export const REPORT_STYLE = `
:root { --good: #00634a; }
@media (prefers-color-scheme: dark) {
  :root { --good: #7fe0bd; }
}
main, header, footer { max-width: 70rem; margin: 0 auto; padding: 0 1.25rem; }
h1 { margin-bottom: .4rem; }
h2 { margin: 2.4rem 0 .6rem; }
p { max-width: 46rem; }
.note, th, caption, summary, dt, footer { color: var(--soft); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .7rem; margin: 1.2rem 0 0; }
.figures div { background: var(--card); border: 1px solid var(--line); border-radius: .7rem; padding: .6rem .9rem; }
.figures dt { font-size: .85rem; line-height: 1.35; } .figures dd { margin: 0; font-size: 1.3rem; font-weight: 650; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-size: .85rem; }
th, td { padding: .2rem 1.1rem .2rem 0; overflow-wrap: break-word; }
tr.best > * { color: var(--good); font-weight: 650; }
details { margin: .4rem 0; }
pre { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .8rem; font-size: .85rem; overflow-wrap: normal; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(30rem, 100%), 1fr)); gap: .8rem; padding: 0; margin: .6rem 0; list-style: none; align-items: start; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .7rem; padding: .8rem; display: grid; grid-template-columns: 8rem minmax(0, 1fr); gap: .9rem; align-items: start; font-size: .92rem; }
.card.bare { grid-template-columns: minmax(0, 1fr); }
.card img { width: 100%; border-radius: .35rem; display: block; }
.card th { white-space: nowrap; }
footer { margin: 2.5rem auto 2rem; font-size: .85rem; }
@media (max-width: 34rem) {
  .card { grid-template-columns: minmax(0, 1fr); } .card img { max-width: 12rem; }
  .card th { white-space: normal; min-width: 5rem; } th, td { padding-right: .7rem; }
}
`;
