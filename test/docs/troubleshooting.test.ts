import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { failures } from '../../proxy/exchange/proxy-failure.ts';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/troubleshooting.md'), 'utf8');

/** The cells of the table under a heading, without its head. */
const rows = (heading: string): string[][] =>
  page
    .split(`## ${heading}\n`)[1]
    .split('\n## ')[0]
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(1)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );

it('says what to do for each answer of the proxy itself', () => {
  expect(rows('An answer with `l5d-proxy-error`').map(([code, status]) => [code, status])).toEqual(
    Object.values(failures).map(({ code, status }) => [code, String(status)]),
  );
});

it('says what to do for each warning and error that a sidecar logs, and for no other', () => {
  const said = rows('A line in the log of a sidecar').flatMap(([lines]) =>
    [...lines.matchAll(/`([^`]+)`/g)].map(([, line]) => line),
  );
  const logged = sources(join(root, 'proxy')).flatMap((file) => {
    const text = readFileSync(file, 'utf8');
    // Their texts are literals, or stand in a constant that is called so.
    const literals = [
      ...text.matchAll(/\.(?:warn|error)\(\s*(?:decisionKey\([^)]*\),\s*)?(['`])([^'`]+)\1/g),
      ...text.matchAll(/\b(?:message)\s*=\s*(')([^']+)'/g),
      ...text.matchAll(/\btell\((')([^']+)'/g),
      ...text.matchAll(/peerLog\.info\(\s*[^,]+,\s*(')([^']+)'/g),
    ];
    return literals.map(([, , line]) => line.replace(/\$\{\w+\}/, '…'));
  });
  const harmless = ['the application is reachable again'];
  const unlike = (line: string): boolean => !/\$\{|^[\w.]+$/.test(line) && !harmless.includes(line);
  expect([...new Set(logged.filter(unlike))].filter((line) => !said.includes(line))).toEqual([]);
  const everything = sources(join(root, 'proxy'))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
  expect(said.filter((line) => !everything.includes(line.replace(/…$/, '')))).toEqual([]);
});

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !/\.test\.ts$|testing/.test(name))
    .map((name) => join(folder, name));
}
