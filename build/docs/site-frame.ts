import { posix } from 'node:path';
import type { Page } from './page-html.ts';

/** A whole page: what stands around the text. `index` is the first page, whose links are what leads through all. */
export function frame(page: Page, index: Page): string {
  const up = '../'.repeat(page.path.split('/').length - 1);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(page.title)}${page === index ? '' : ' - Tulle'}</title>
<link rel="stylesheet" href="${up}style.css">
<header>
  <a class="home" href="${up}index.html">Tulle</a>
  <input id="search" type="search" placeholder="Search ( / )" autocomplete="off" aria-label="Search" data-root="${up}">
  <ol id="found" hidden></ol>
</header>
<nav>
${navigation(page, index)}
</nav>
<main>
${page.html}</main>
<script src="${up}search.js" defer></script>
</html>
`;
}

/** The headings and links of the first page, as they lead from this one. */
function navigation(page: Page, index: Page): string {
  const parts = [...index.html.matchAll(/<h2 id="[^"]+">(.*?) ?<a class="anchor"|<a href="([^":]+)">(.*?)<\/a>/g)];
  let text = '';
  for (const [, heading, href, label] of parts) {
    if (heading !== undefined) {
      text += `${text === '' ? '' : '</ul>\n'}<h2>${heading}</h2>\n<ul>\n`;
      continue;
    }
    if (text === '' || href.startsWith('#')) continue;
    const [file, anchor] = href.split('#');
    const here = file === page.path ? ' aria-current="page"' : '';
    const there = posix.relative(posix.dirname(page.path), file) || posix.basename(file);
    text += `<li><a href="${there}${anchor === undefined ? '' : `#${anchor}`}"${here}>${label}</a></li>\n`;
  }
  return `${text}</ul>`;
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: string): string => text.replaceAll(/[&<>"]/g, (character) => entities[character]);
