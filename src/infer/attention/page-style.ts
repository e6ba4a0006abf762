/** Style sheet of the attention page: light and dark, from phone to desk. */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --card: #f6f7f9; --line: #dfe3e8; --ink: #1c2128; --soft: #57606a; --accent: #0072b2; --on-accent: #ffffff; --fog: #ffffff;
}
@media (prefers-color-scheme: dark) {
  :root { --paper: #12161c; --card: #1b2129; --line: #323b47; --ink: #e7ebf0; --soft: #a3adb8; --accent: #56b4e9; --on-accent: #0b0f14; --fog: #7d8792; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 17px/1.55 system-ui, sans-serif; overflow-wrap: break-word; }
header, main { max-width: 72rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2rem; }
h1 { font-size: clamp(1.5rem, 4vw, 2.1rem); line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.3rem; line-height: 1.3; margin: 0 0 .8rem; }
p { max-width: 46rem; margin: .4rem 0; }
.keys, figcaption, .now, summary, details p, th { color: var(--soft); }
.keys { font-size: .9rem; }
kbd { font: inherit; border: 1px solid var(--line); border-radius: .3em; padding: 0 .35em; background: var(--card); }
main { padding-bottom: 3rem; }
.player { display: grid; gap: 1rem 2rem; grid-template-columns: minmax(0, 1fr); margin-top: 1.5rem; padding: 1.2rem; background: var(--card); border: 1px solid var(--line); border-radius: .8rem; }
figure { margin: 0; min-width: 0; }
.stage { position: relative; isolation: isolate; overflow: hidden; width: min(100%, 75vh * var(--aspect)); aspect-ratio: var(--aspect); border-radius: .4rem; }
.photo { position: absolute; inset: 0; width: 100%; height: 100%; }
.unseen { position: absolute; inset: 0; clip-path: var(--unseen); }
.unseen.grey { background: #808080; mix-blend-mode: saturation; }
.unseen.pale { background: var(--fog); opacity: .6; }
.region { position: absolute; }
.unseen + .region { outline: 1px solid var(--ink); outline-offset: -1px; }
.veil { position: absolute; inset: 0; width: 100%; height: 100%; opacity: 0; transition: opacity .45s ease; }
.veil.shown { opacity: 1; }
figcaption { font-size: .88rem; margin-top: .4rem; }
button { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--line); border-radius: .5rem; padding: .5rem .8rem; min-height: 2.75rem; min-width: 2.75rem; cursor: pointer; }
button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.play { min-width: 6rem; font-weight: 600; color: var(--on-accent); background: var(--accent); border-color: transparent; }
.words { display: flex; flex-wrap: wrap; gap: .45rem; list-style: none; padding: 0; margin: .9rem 0; }
.words li { max-width: 100%; }
.word { position: relative; max-width: 100%; padding-bottom: .85rem; }
.word::before, .word::after { content: ""; position: absolute; left: .8rem; bottom: .4rem; height: 4px; width: calc(100% - 1.6rem); border-radius: 2px; background: var(--line); }
.word::after { width: calc((100% - 1.6rem) * var(--width)); background: var(--accent); }
.word:hover { border-color: var(--accent); }
.word[aria-current="true"] { border-color: var(--accent); box-shadow: inset 0 0 0 2px var(--accent); }
.now { min-height: 3.1em; }
details { font-size: .92rem; } summary { cursor: pointer; padding: .3rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .25rem 1.1rem .25rem 0; border-bottom: 1px solid var(--line); font-weight: 400; }
th:first-child { text-align: left; }
@media (min-width: 56rem) { .player { grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); } }
@media (max-width: 30rem) { header, main { padding-left: .75rem; padding-right: .75rem; } .player { padding: .75rem; } }
@media (prefers-reduced-motion: reduce) { .veil { transition: none; } }
@media (forced-colors: active) { .word::after { background: Highlight; forced-color-adjust: none; } .word[aria-current="true"] { border-width: 3px; } }
`;
