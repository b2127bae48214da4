import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { sidecarAnnotations } from '../../build/docs/annotations-reference.ts';
import { cliReference } from '../../build/docs/cli-reference.ts';
import { trafficSettings } from '../../lib/contract/traffic-annotations.ts';

const folder = join(import.meta.dirname, '../../docs/reference');

function expectCurrent(name: string, wanted: (page: string) => string): void {
  const file = join(folder, name);
  const page = process.env['UPDATE_GOLDENS'] === '1' ? '' : readFileSync(file, 'utf8');
  if (page === '') writeFileSync(file, wanted(readPage(file)));
  else expect(page).toBe(wanted(page));
}

function readPage(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // a page that is all generated may not be there yet
  }
}

it('the reference of the command line is what its help says (UPDATE_GOLDENS=1 writes it)', async () => {
  const reference = await cliReference();
  expectCurrent('cli.md', () => reference);
});

it('the reference of annotations has each setting, as options describe it (UPDATE_GOLDENS=1 writes it)', () => {
  const [begin, end] = ['<!-- settings -->\n', '<!-- /settings -->\n'];
  expectCurrent('annotations.md', (page) => {
    const [before, rest] = page.split(begin);
    return `${before}${begin}${sidecarAnnotations()}${end}${rest.split(end)[1]}`;
  });
});

it('everything of the API says what it means, where editors show it', () => {
  const pages = readdirSync(folder).filter((name) => name.startsWith('api-'));
  const silent = pages.flatMap((name) =>
    readFileSync(join(folder, name), 'utf8')
      .split('\n')
      .filter((line) => line.endsWith('|  |'))
      .map((line) => `${name}: ${line}`),
  );
  expect(pages.length).toBeGreaterThan(4);
  expect(silent).toEqual([]);
});

it('the reference of annotations names each that routes and Services are asked for, and no other', () => {
  const named = readFileSync(join(folder, 'annotations.md'), 'utf8')
    .split('## Traffic\n')[1]
    .split('\n## ')[0]
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .flatMap((line) => [...line.split('|')[1].matchAll(/`([^`]+)`/g)].map(([, name]) => name));
  expect(named.toSorted()).toEqual([...asked()].toSorted());
});

/** What the control plane looks at where each group of annotations is there. */
function asked(): Set<string> {
  const names = new Set<string>();
  const there: Readonly<Record<string, string>> = {
    'balancer.linkerd.io/failure-accrual': 'unified',
    'balancer.alpha.linkerd.io/penalize-failures': 'true',
    'balancer.tulle.dev/affinity': 'source-ip',
    'balancer.tulle.dev/zones': 'prefer',
  };
  const watched = new Proxy(there, {
    get: (values, name: string) => {
      names.add(name);
      return values[name];
    },
  });
  trafficSettings(watched);
  return names;
}
