/**
 * The documentation as a site: `npm run docs [outdir]` writes it to dist/docs, where index.html can be opened as a file. All pages
 * of docs/ and of the root, in the order of docs/README.md, with search; nothing of it is loaded from elsewhere.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, posix, resolve } from 'node:path';
import MiniSearch from 'minisearch';
import { type Page, renderMarkdown, sitePath } from './page-html.ts';
import { searchOptions } from './search-options.ts';
import { frame } from './site-frame.ts';

const root = resolve(import.meta.dirname, '../..');
const outdir = resolve(process.argv[2] ?? join(root, 'dist/docs'));
const client = join(import.meta.dirname, 'client');

rmSync(outdir, { recursive: true, force: true });
const files = [
  ...readdirSync(root),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) => posix.join('docs', name)),
];
const pages = files
  .filter((name) => name.endsWith('.md') && sitePath(name) !== undefined)
  .map((name) => renderMarkdown(name, readFileSync(join(root, name), 'utf8')));
const index = pages.find(({ path }) => path === 'index.html');
if (index === undefined) throw new Error('docs/README.md is not there: it is the first page of the site');

for (const page of pages) write(page.path, frame(page, index));
for (const name of files) {
  const path = name.endsWith('.md') ? undefined : sitePath(name);
  if (path !== undefined) copyFileSync(join(root, name), fileFor(path));
}
copyFileSync(join(client, 'style.css'), fileFor('style.css'));
const bun = join(root, 'node_modules/bun/bin/bun.exe');
execFileSync(
  bun,
  ['build', '--minify', '--format=iife', '--outfile', fileFor('search.js'), join(client, 'search.js')],
  {
    stdio: ['ignore', 'ignore', 'inherit'],
  },
);
// A script, for a page that is opened as a file may load no other kind of file.
write('search-index.js', `globalThis.searchIndex = ${JSON.stringify(JSON.stringify(searchIndex(pages)))};\n`);
process.stdout.write(`${pages.length} pages in ${outdir}\n`);

function searchIndex(all: readonly Page[]): MiniSearch {
  const search = new MiniSearch(searchOptions);
  search.addAll(all.flatMap(({ sections }) => sections));
  return search;
}

function write(path: string, text: string): void {
  writeFileSync(fileFor(path), text);
}

function fileFor(path: string): string {
  const file = join(outdir, path);
  mkdirSync(dirname(file), { recursive: true });
  return file;
}
