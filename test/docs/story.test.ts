import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { linksOf } from '../../build/docs/links.ts';
import { pagesOf } from './pages.ts';

const root = resolve(import.meta.dirname, '../..');
const read = (name: string): string => readFileSync(join(root, name), 'utf8');

it('docs/README.md leads to every page', () => {
  const led = new Set(linksOf(read('docs/README.md')).map((link) => join('docs', link.split('#')[0])));
  const missing = pagesOf(root).filter((page) => !led.has(page) && !/^docs\/(decisions\/|README)|^LICENSE/.test(page));
  expect(missing).toEqual([]);
});

it('the changelog has the version of the package', () => {
  const { version } = JSON.parse(read('package.json'));
  expect(read('CHANGELOG.md')).toContain(`\n## ${version} `);
});
