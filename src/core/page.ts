/** HTML pages that are one file: no request, readable by light and dark. */
import { html, Markup } from './html.js';

/** What the style sheets of pages begin with: colours by light and dark, text, tables that scroll on a phone. */
export const PAGE_BASE = `
:root { color-scheme: light dark; --paper: #fff; --card: #f6f7f9; --line: #dfe3e8; --ink: #1c2128; --soft: #57606a; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #12161c; --card: #1b2129; --line: #323b47; --ink: #e7ebf0; --soft: #a3adb8; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: clamp(1.5rem, 5vw, 2.2rem); line-height: 1.2; margin: 2rem 0 .6rem; }
h2 { font-size: 1.3rem; margin: 2.2rem 0 .5rem; }
p { margin: .3rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem 1.2rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 500; }
.number { text-align: right; white-space: nowrap; }
summary { cursor: pointer; }
`;

/**
 * The text of a page.
 * @param policy its Content-Security-Policy, where it states one
 */
export function htmlPage({
  title,
  style,
  policy,
  body,
}: {
  title: string;
  style: string;
  policy?: string;
  body: Markup;
}): string {
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        ${policy === undefined ? '' : html`<meta http-equiv="Content-Security-Policy" content="${policy}" />`}
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <style>
          ${new Markup(style)}
        </style>
      </head>
      <body>
        ${body}
      </body>
    </html>`;
  return `${page.text}\n`;
}
