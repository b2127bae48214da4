import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import MiniSearch from 'minisearch';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Section } from '../../build/docs/page-html.ts';
import { searchOptions } from '../../build/docs/search-options.ts';

const root = resolve(import.meta.dirname, '../..');
const site = mkdtempSync(join(tmpdir(), 'tulle-site-'));
afterAll(() => rmSync(site, { recursive: true }));

let pages: ReadonlyMap<string, string>;
beforeAll(() => {
  execFileSync(process.execPath, ['build/docs/site.ts', site], { cwd: root });
  const files = readdirSync(site, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.html'));
  pages = new Map(files.map((name) => [name, readFileSync(join(site, name), 'utf8')]));
});

it('each link, picture, script and style of the site leads to a file that is there, and to an id of it', () => {
  const broken = [...pages].flatMap(([page, html]) =>
    [...html.matchAll(/<[^>]+ (?:href|src)="([^"]*)"/g)]
      .map(([, link]) => link)
      .filter((link) => {
        if (/^https?:/.test(link)) return false;
        const [file, id] = link.split('#');
        const target = file === '' ? page : relative(site, resolve(site, dirname(page), file));
        if (!existsSync(join(site, target))) return true;
        return id !== undefined && !pages.get(target)?.includes(` id="${id}"`);
      })
      .map((link) => `${page}: ${link}`),
  );
  expect(pages.size).toBeGreaterThan(70);
  expect(broken).toEqual([]);
});

it('loads nothing from elsewhere', () => {
  const loaded = [...pages.values()].flatMap((html) =>
    html.match(/<(?:script|link|img)[^>]+(?:src|href)="[a-z]+:[^>]*/g),
  );
  expect(loaded.filter((tag) => tag !== null)).toEqual([]);
});

it.each([
  ['canary', 'guides/canary.html'],
  ['troubleshoot', 'troubleshooting.html'],
  ['ambiguous-path', 'errors.html'],
  ['MeshedStatefulSet', 'reference/api-workload.html'],
  ['prometheus scrape', 'guides/prometheus.html'],
])('somebody who types %j finds %s among the first', (words, page) => {
  const script = readFileSync(join(site, 'search-index.js'), 'utf8');
  const text = JSON.parse(script.slice('globalThis.searchIndex = '.length, -2)) as string;
  const found = MiniSearch.loadJSON<Section>(text, searchOptions).search(words);
  expect(found.slice(0, 4).map(({ url }) => url.split('#')[0])).toContain(page);
});

it('a page names its place in the story, and no heading has its anchor in its title', () => {
  const canary = pages.get('guides/canary.html') ?? '';
  expect(canary).toContain('<a href="canary.html" aria-current="page">');
  expect(canary).toMatch(/<title>Canary[^<#]* - Tulle<\/title>/);
});
