import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { headingIds, linksOf } from '../../build/docs/links.ts';
import { pagesOf } from './pages.ts';

const root = resolve(import.meta.dirname, '../..');
const read = (name: string): string => readFileSync(join(root, name), 'utf8');
const known = new Map<string, ReadonlySet<string>>();

function headingsOf(name: string): ReadonlySet<string> {
  const ids = known.get(name) ?? headingIds(read(name));
  known.set(name, ids);
  return ids;
}

it.each(pagesOf(root))('each link of %s leads to a file that is there, and to a heading of it', (page) => {
  const broken = linksOf(read(page)).filter((link) => {
    const [path, anchor] = link.split('#');
    const target = path === '' ? page : relative(root, resolve(root, dirname(page), path));
    if (!existsSync(join(root, target))) return true;
    return anchor !== undefined && target.endsWith('.md') && !headingsOf(target).has(anchor);
  });
  expect(broken).toEqual([]);
});

it('a heading is found as GitHub finds it', () => {
  const page = '# `tulle` and you\n\n```sh\n# none\n```\n\n## A/B: it’s\n\n## A/B: it’s\n\n## [Linked](x.md) _so_\n';
  expect([...headingIds(page)]).toEqual(['tulle-and-you', 'ab-its', 'ab-its-1', 'linked-so']);
});

it('links are those of the text, not what stands in code', () => {
  const page = '[a](a.md) `[b](b.md)` [c](https://c) ![d](d.svg "D")\n```\n[e](e.md)\n```\n[f](#f)\n';
  expect(linksOf(page)).toEqual(['a.md', 'd.svg', '#f']);
});
