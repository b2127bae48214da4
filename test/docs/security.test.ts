import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const file = join(root, 'docs/security.md');
const [begin, end] = ['<!-- attacks -->\n', '<!-- /attacks -->\n'];

/** The texts of `vector({ who, attack, promise }` in a test. */
const declared =
  /\bvector\(\s*\{\s*who: '(\w+)',\s*attack:\s*'((?:[^'\\]|\\.)*)',\s*promise:\s*'((?:[^'\\]|\\.)*)',?\s*\}/g;

function rows(): string[] {
  const folder = join(root, 'test/attack');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.test.ts'))
    .sort()
    .flatMap((name) => {
      const text = readFileSync(join(folder, name), 'utf8');
      const found = [...text.matchAll(declared)];
      expect(found.length, `${name}: vectors whose texts are no literals`).toBe(
        text.match(/\bvector\(\s*\{/g)?.length ?? 0,
      );
      return found.map(([, who, attack, promise]) => {
        const cells = [attack, promise].map((text) => text.replace(/\\(.)/g, '$1').replaceAll('|', '\\|'));
        return `| ${who} | ${cells.join(' | ')} | ${name} |\n`;
      });
    });
}

it('every attack that is tried stands in docs/security.md, and no other (UPDATE_GOLDENS=1 writes them)', () => {
  const page = readFileSync(file, 'utf8');
  const [before, rest] = page.split(begin);
  const after = rest.split(end)[1];
  const table = `| Who | Attack | What holds | Tried in |\n|---|---|---|---|\n${rows().join('')}`;
  const wanted = `${before}${begin}${table}${end}${after}`;
  if (process.env['UPDATE_GOLDENS'] === '1') writeFileSync(file, wanted);
  else expect(page).toBe(wanted);
});
