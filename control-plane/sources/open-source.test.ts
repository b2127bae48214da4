import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Flags } from '../serving/flags.ts';
import { openSources, readSources, sourceFlags } from './open-source.ts';

const read = (...args: string[]) => Flags.parse(args, sourceFlags).read(readSources);
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tulle-sources-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = (choice: ReturnType<typeof read>, lines: Record<string, unknown>[] = []) =>
  openSources(choice, {
    log: pino({ level: 'info' }, { write: (line) => void lines.push(JSON.parse(line)) }),
    registry: new Registry(),
    env: {},
    userAgent: 'test',
  });

test.each([
  [['--source=kubernetes'], ['kubernetes'], { all: true }],
  [['--source=file:a,kubernetes', '--namespaces=shop'], ['file:a', 'kubernetes'], { namespaces: ['shop'] }],
  [['--source', 'file:a', '--source', 'kubernetes'], ['file:a', 'kubernetes'], { all: true }],
  [['--source=file:C:/x'], ['file:C:/x'], { all: true }],
])('%j names %j', (args, names, scope) => {
  const choice = read(...args);
  expect(choice.sources.map(({ name }) => name)).toEqual(names);
  expect(choice.scope).toEqual(scope);
});

const forms = 'must be kubernetes or file:FOLDER, or several with commas between';
test.each([
  [[], '--source must name at least one source: kubernetes, or file:dist'],
  [['--source='], '--source must name at least one source: kubernetes, or file:dist'],
  [['--source=file:'], `--source (file:) ${forms}`],
  [['--source=file'], `--source (file) ${forms}`],
  [['--source=dist,kubernetes:x'], `--source (dist,kubernetes:x) ${forms}`],
  [['--source=file:a,file:a'], '--source (file:a) must name each source once'],
  [['--source=file:x', '--kubeconfig=y'], '--kubeconfig goes with --source=kubernetes'],
  [['--source=file:x', '--namespaces=shop'], '--namespaces goes with --source=kubernetes'],
  [['--source=kubernetes', '--namespaces=a,A'], '--namespaces (a,A) must be names of namespaces such as shop,bank'],
])('%j is refused', (args, message) => {
  expect(() => read(...args)).toThrow(message);
});

test('an object of a folder stands over that of the next one, and each folder is told when it is read', async () => {
  const config = (port: number) =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'shop' },
      spec: { ports: [{ port }] },
    });
  // The order of the names is not that of the precedence.
  for (const [name, port] of [
    ['b', 1],
    ['a', 2],
  ] as const) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'web.json'), config(port));
  }
  const names = ['b', 'a'].map((name) => `file:${join(folder, name)}`);
  const lines: Record<string, unknown>[] = [];
  const { source, api } = await open(read(`--source=${names.join(',')}`), lines);
  try {
    await source.synced;
    const ports: unknown[] = [];
    source.watch('Service', ({ object }) => ports.push(object.spec?.ports?.[0].port));
    expect([ports, api]).toEqual([[1], undefined]);
    await vi.waitFor(() => expect(lines.map(({ source }) => source).sort()).toEqual([...names].sort()));
  } finally {
    source.close();
  }
});

test('a source that cannot be opened is an error that says why', async () => {
  const choice = read(`--source=file:${folder},kubernetes`, '--kubeconfig=/none');
  await expect(open(choice)).rejects.toThrow('/none: ENOENT');
});
