import { expect, it } from 'vitest';
import { dataUrl, html, Markup } from './html.js';

it('escapes what is interpolated, but not markup, also in lists', () => {
  const evil = `<b title="x">&'`;
  const escaped = '&lt;b title=&quot;x&quot;&gt;&amp;&#39;';
  expect(html`<p title="${evil}">${evil}</p>`.text).toBe(`<p title="${escaped}">${escaped}</p>`);
  expect(html`${[html`<i>${1}</i>`, '<']}${new Markup('<hr>')}`.text).toBe('<i>1</i>&lt;<hr>');
});

it('makes data URLs of text and bytes', () => {
  expect(dataUrl('text/plain', 'é')).toBe('data:text/plain;base64,w6k=');
  expect(dataUrl('image/png', Uint8Array.of(255))).toBe('data:image/png;base64,/w==');
});
