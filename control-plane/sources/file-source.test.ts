import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FileSource } from './file-source.ts';
import type { ManifestProblem } from './parse-manifests.ts';

let folder: string;
let source: FileSource | undefined;
let problems: ManifestProblem[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tulle-file-source-'));
  problems = [];
});
afterEach(() => {
  source?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Whole at once: a scan must not find a file that is half written. */
function write(name: string, text: string): void {
  writeFileSync(join(folder, '.next'), text);
  renameSync(join(folder, '.next'), join(folder, name));
}
const service = (name: string, port = 80): string =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: shop }\nspec: { ports: [{ port: ${port} }] }\n`;

const manifest = (apiVersion: string, kind: string, spec: unknown): string =>
  JSON.stringify({ apiVersion, kind, metadata: { name: 'web', namespace: 'shop' }, spec });

async function open(nowMs?: () => number): Promise<string[]> {
  source = new FileSource({ folders: [folder], onProblem: (problem) => problems.push(problem), rescanMs: 50, nowMs });
  const events: string[] = [];
  source.watch('Service', ({ type, object }) =>
    events.push(`${type} ${object.metadata.namespace}/${object.metadata.name} ${object.spec?.ports?.[0]?.port}`),
  );
  await source.synced;
  return events;
}

test('documents, Lists and JSON are read, and what has no namespace is in default', async () => {
  write('a.yaml', `${service('web')}---\n${service('api')}`);
  write(
    'b.json',
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'List',
      items: [{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'x' } }],
    }),
  );
  expect((await open()).sort()).toEqual(['added default/x undefined', 'added shop/api 80', 'added shop/web 80']);
  expect(problems).toEqual([]);
});

test('an edited, an added and a deleted file take effect within a second', async () => {
  write('a.yaml', service('web'));
  const events = await open();
  write('a.yaml', service('web', 8080));
  await vi.waitFor(() => expect(events.at(-1)).toBe('modified shop/web 8080'), 1000);
  write('b.yaml', service('api'));
  await vi.waitFor(() => expect(events).toContain('added shop/api 80'), 1000);
  rmSync(join(folder, 'a.yaml'));
  await vi.waitFor(() => expect(events).toContain('deleted shop/web 8080'), 1000);
});

test('a file that is emptied and then written piece by piece is taken when it is whole', async () => {
  write('a.yaml', `${service('web')}---\n${service('api')}`);
  const steps = [[], [service('web')], [service('web'), service('api', 8080)]];
  const writeNext = (): void => writeFileSync(join(folder, 'a.yaml'), steps.shift()!.join('---\n'));
  let asked = 0;
  // While the file is being written, it was written just now; it changes only here, between two looks at it.
  let nowMs = (): number => {
    const { mtimeMs } = statSync(join(folder, 'a.yaml'));
    if (++asked % 3 === 0 && steps.length > 0) writeNext();
    return mtimeMs;
  };
  const events = await open(() => nowMs());
  events.length = 0;
  writeNext();
  await vi.waitFor(() => expect(asked).toBeGreaterThan(8), 5000);
  expect(events).toEqual([]);
  nowMs = Date.now;
  await vi.waitFor(() => expect(events).toEqual(['modified shop/api 8080']), 1000);
});

test('a file that is no YAML any more keeps its objects and is reported with its line', async () => {
  write('a.yaml', service('web'));
  const events = await open();
  write('a.yaml', `${service('web', 8080)}---\nkind: [`);
  await vi.waitFor(() => expect(problems).toHaveLength(1), 10_000);
  expect(problems[0]).toMatchObject({ file: join(folder, 'a.yaml'), where: 'document 2' });
  expect(problems[0].line).toBeGreaterThan(4);
  expect(events).toEqual(['added shop/web 80']);
});

test('a bad object is reported with file, object and field, and the others go on', async () => {
  write(
    'a.yaml',
    `${service('web')}---\napiVersion: v1\nkind: Service\nmetadata: { name: bad, labels: { ready: yes } }\n---\nkind: Pod\n---\n`,
  );
  expect(await open()).toEqual(['added shop/web 80']);
  expect(problems.map(({ where, message }) => `${where}: ${message}`)).toEqual([
    "document 2, Service bad: metadata.labels['ready'] (true) must be a string: put it in quotes",
    'document 3, Pod: apiVersion must be a string such as v1 or apps/v1',
  ]);
});

test('an object that is not as its kind says is named by its field, and stays as it was before', async () => {
  write('a.yaml', service('web'));
  const events = await open();
  const ports = 'ports: [{ port: eighty }]';
  write('a.yaml', `${service('web').replace(/ports:.*\]/, ports)}---\n${service('api')}`);
  await vi.waitFor(() => expect(events).toEqual(['added shop/web 80', 'added shop/api 80']), 2000);
  expect(problems.map(({ where, message }) => `${where}: ${message}`)).toEqual([
    'Service shop/web: spec.ports[0].port ("eighty") must be a number',
  ]);
});

test('what breaks the schema of a kind of the mesh is told by its field, and taken as it is', async () => {
  const spec = { podSelector: {}, port: 80, proxyProtocol: 'HTTP', timeout: '1s' };
  write('server.json', manifest('policy.linkerd.io/v1beta3', 'Server', spec));
  write('egress.json', manifest('policy.linkerd.io/v1alpha1', 'EgressNetwork', { trafficPolicy: 'Open' }));
  write('profile.json', manifest('linkerd.io/v1alpha2', 'ServiceProfile', { routes: null }));
  write('route.json', manifest('gateway.networking.k8s.io/v1', 'HTTPRoute', { rules: 'of others' }));
  await open();
  const servers: unknown[] = [];
  source!.watch('Server', ({ object }) => servers.push(object.spec));
  expect(servers).toEqual([spec]);
  const fields = 'podSelector, externalWorkloadSelector, port, proxyProtocol, accessPolicy';
  expect(problems.map(({ where, message }) => `${where}: ${message}`)).toEqual([
    "document 1, EgressNetwork web: spec.trafficPolicy (Open) must be one of 'Allow', 'Deny'",
    'document 1, ServiceProfile web: spec.routes must be set',
    'document 1, HTTPRoute web: spec.rules (of others) must be a list',
    "document 1, Server web: spec.proxyProtocol (HTTP) must be one of 'unknown', 'HTTP/1', 'HTTP/2', 'gRPC', 'opaque', 'TLS'",
    `document 1, Server web: spec.timeout is no field that is known: they are ${fields}`,
  ]);
});

test('of one object that breaks its schema all over, not everything is told', async () => {
  const networks = Array.from({ length: 1000 }, () => ({ cidr: 7 }));
  write('a.json', manifest('policy.linkerd.io/v1alpha1', 'NetworkAuthentication', { networks }));
  await open();
  expect(problems).toHaveLength(20);
});

test('null where a map may stand is nothing', async () => {
  write('a.yaml', 'apiVersion: v1\nkind: Service\nmetadata: { name: web, labels: null, annotations: }\nspec:\n');
  expect(await open()).toEqual(['added default/web undefined']);
  expect(problems).toEqual([]);
});

test('a mounted ConfigMap, which is links into a hidden folder that is replaced as a whole, is read once', async () => {
  const put = (version: string, text: string): void => {
    mkdirSync(join(folder, version));
    writeFileSync(join(folder, version, 'a.yaml'), text);
    symlinkSync(version, join(folder, '..next'));
    renameSync(join(folder, '..next'), join(folder, '..data'));
  };
  put('..2026_1', service('web'));
  symlinkSync(join('..data', 'a.yaml'), join(folder, 'a.yaml'));
  const events = await open();
  expect(events).toEqual(['added shop/web 80']);
  put('..2026_2', service('web', 8080));
  rmSync(join(folder, '..2026_1'), { recursive: true });
  await vi.waitFor(() => expect(events).toEqual(['added shop/web 80', 'modified shop/web 8080']), 1000);
  expect(problems).toEqual([]);
});

test('a source that is closed tells nothing more, also of what it was reading', async () => {
  for (const name of ['a', 'b', 'c']) write(`${name}.yaml`, 'kind: [');
  const closing: FileSource = new FileSource({
    folders: [folder],
    onProblem: (problem) => {
      problems.push(problem);
      closing.close();
    },
  });
  await closing.synced;
  expect(problems).toHaveLength(1);
});

test('an object in two files is that of the first, and is reported once', async () => {
  write('a.yaml', service('web', 1));
  write('b.yaml', service('web', 2));
  expect(await open()).toEqual(['added shop/web 1']);
  write('c.yaml', service('api'));
  await vi.waitFor(() => expect(problems.length).toBeGreaterThan(0), 1000);
  expect(problems.map(({ where }) => where)).toEqual(['Service shop/web']);
});
