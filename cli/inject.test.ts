import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { readYaml } from '../control-plane/sources/kubectl-yaml.ts';
import { exitCodeOf } from './exit-codes.ts';
import { CommandError } from './terminal.ts';
import { run } from './testing/run.ts';

const folder = mkdtempSync(join(tmpdir(), 'tulle-inject-'));
afterAll(() => rmSync(folder, { recursive: true }));

const deployment = (name: string, annotations: Record<string, string> = {}): string =>
  JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      template: {
        metadata: { annotations },
        spec: { containers: [{ name, image: 'shop/web', ports: [{ containerPort: 8080 }] }] },
      },
    },
  });
const documents = (text: string) => parseAllDocuments(text).map((document) => document.toJS());
const annotationsOf = (object: { spec: { template: { metadata: { annotations: object } } } }) =>
  object.spec.template.metadata.annotations;
const sidecarOf = (object: { spec: { template: { spec: { initContainers?: { name: string }[] } } } }) =>
  object.spec.template.spec.initContainers?.find(({ name }) => name === 'tulle-proxy');

it('annotates by default, and says on standard error what it did', async () => {
  const { out, err } = await run(['inject', '-'], { input: deployment('web') });
  const [object] = documents(out);
  expect(annotationsOf(object)).toEqual({ 'tulle.dev/inject': 'enabled' });
  expect(sidecarOf(object)).toBeUndefined();
  expect(err).toBe('deployment "web" annotated\n');
});

it('what says itself whether it is injected keeps its word, and is told as unchanged', async () => {
  const namespace = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'shop', annotations: { 'tulle.dev/inject': 'disabled' } },
  };
  const input = `${JSON.stringify(namespace)}\n---\n${deployment('web', { 'tulle.dev/inject': 'ingress' })}`;
  const { out, err } = await run(['inject', '-'], { input });
  expect(err).toBe('namespace "shop" unchanged\ndeployment "web" unchanged\n');
  expect(documents(out)).toEqual(documents(input));
});

it('--manual writes the sidecar, --explicit one without an init container', async () => {
  const manual = documents((await run(['inject', '--manual', '-'], { input: deployment('web') })).out)[0];
  expect(sidecarOf(manual)).toBeDefined();
  expect(JSON.stringify(manual)).toContain('tulle-init');
  const explicit = documents((await run(['inject', '--explicit', '-'], { input: deployment('web') })).out)[0];
  expect(sidecarOf(explicit)).toBeDefined();
  expect(JSON.stringify(explicit)).not.toContain('tulle-init');
  expect(JSON.stringify(explicit)).toContain('http_proxy');
});

it('--set gives settings to the pods', async () => {
  const { out } = await run(['inject', '--set', 'opaque-ports=5432', '--set', 'proxy-log-level=debug', '-'], {
    input: deployment('web'),
  });
  expect(annotationsOf(documents(out)[0])).toMatchObject({
    'config.tulle.dev/opaque-ports': '5432',
    'config.tulle.dev/proxy-log-level': 'debug',
  });
});

it.each([
  [['--set', 'foo=bar'], '--set foo: is not a setting of the sidecar'],
  [['--set', 'proxy-cpu-request=abc'], "--set proxy-cpu-request: 'abc' must be "],
  [['--manual', '--set', 'proxy-cpu-request=abc'], "--set proxy-cpu-request: 'abc' must be "],
  [['--explicit', '--set', 'foo=bar'], '--set foo: is not a setting of the sidecar'],
  [['--disable', '--set', 'foo=bar'], '--set foo: is not a setting of the sidecar'],
  [['--manual', '--disable'], "option '--manual' cannot be used with option '--disable'"],
])('%j is refused before anything is written', async (args, message) => {
  const { out, error } = await run(['inject', ...args, '-'], { input: deployment('web') }).catch((failed) => failed);
  expect([out, error?.message]).toEqual(['', expect.stringContaining(message)]);
  expect(exitCodeOf(error)).toBe(64);
});

it('--mesh takes the settings of an install', async () => {
  const install = join(folder, 'install.yaml');
  writeFileSync(install, (await run(['install', '--trust-domain', 'mesh.shop'])).out);
  const { out } = await run(['inject', '--manual', '--mesh', install, '-'], { input: deployment('web') });
  expect(out).toContain('"value": "mesh.shop"');
});

it('--mesh fails with the place of what it cannot read', async () => {
  mkdirSync(join(folder, 'half'), { recursive: true });
  writeFileSync(join(folder, 'half/a.yaml'), (await run(['install'])).out);
  writeFileSync(join(folder, 'half/b.yaml'), 'kind: [');
  const result = await run(['inject', '--mesh', 'half', '-'], { cwd: folder, input: deployment('web') }).catch(
    (failure) => failure,
  );
  expect(result.error?.message).toContain('half/b.yaml:1: document 1: ');
});

it('a mistake in one object is told with its field, fails the command, and leaves the others their work', async () => {
  const input = `${deployment('bad', { 'config.tulle.dev/opaque-ports': '99999' })}\n---\n${deployment('good')}`;
  const result = await run(['inject', '--manual', '-'], { input }).catch((failure) => failure);
  expect(result.error).toBeInstanceOf(CommandError);
  expect(result.err).toContain('spec.template.metadata.annotations["config.tulle.dev/opaque-ports"]');
  expect(documents(result.out).map(sidecarOf)).toEqual([expect.anything(), expect.anything()]);
});

it('what is no YAML is passed on as it came, told with its line, and fails the command', async () => {
  const input = `${deployment('web')}\n---\nfoo: [bar\n---\n${deployment('api')}`;
  const result = await run(['inject', '-'], { input }).catch((failure) => failure);
  expect(result.error.message).toContain('standard input:');
  expect(result.error.message).toContain('document 2');
  expect(result.out).toContain('foo: [bar');
  expect(result.err).toBe('deployment "web" annotated\ndeployment "api" annotated\n');
});

const secretPod = `# keys of the shop
apiVersion: v1
kind: Pod
metadata: {name: a, labels: {"on": "yes"}}   # labels that are words of YAML 1.1
spec:
  containers:
  - name: a
    image: a
    env: [{name: A, value: "yes"}, {name: B, value: "1_000"}]
  volumes:
  - {name: s, secret: {secretName: s, defaultMode: 0620}}
---
# not of the mesh
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data: {"y": 'no'}
...
`;

it.each([['inject'], ['inject', '--manual'], ['uninject']])(
  '%s %s leaves the bytes of what it does not change',
  async (...args) => {
    const { out } = await run([...args, '-'], { input: secretPod });
    for (const line of secretPod.split('\n')) {
      if (!line.includes('metadata: {name: a')) expect(out.split('\n')).toContain(line);
    }
    expect(out).toContain('"on": "yes"');
    expect(out).toContain('# labels that are words of YAML 1.1');
    if (args[0] === 'uninject') expect(out).toBe(secretPod);
  },
);

it('merge keys are resolved as kubectl does, and every workload keeps its containers', async () => {
  const input = `apiVersion: v1
kind: List
items:
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: a}
  spec: {template: {metadata: {labels: {app: a}}, spec: &s {containers: [{name: app, image: app}]}}}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: b}
  spec: {template: {metadata: {labels: {app: b}}, spec: {<<: *s, serviceAccountName: b}}}
`;
  const { out, err } = await run(['inject', '--manual', '-'], { input });
  const { items } = readYaml(out)!.value as {
    items: { spec: { template: { spec: Record<string, { name: string }[]> } } }[];
  };
  for (const { spec } of items) {
    expect(spec.template.spec.containers.map(({ name }) => name)).toEqual(['app']);
    expect(spec.template.spec.initContainers.map(({ name }) => name)).toEqual(['tulle-init', 'tulle-proxy']);
  }
  expect(err).toContain('deployment "b" injected');
});

it('null and other things where an object, a list or a map may stand do not end the command', async () => {
  const bad = ['null', 'x', '[null]', '{a: null}'];
  const input = [
    ...bad.map((one) => `apiVersion: v1\nkind: List\nitems: ${one}\n`),
    ...bad.map((one) => `apiVersion: v1\nkind: List\nitems:\n- ${one}\n- ${deployment('web')}\n`),
    ...bad.map((one) => `apiVersion: v1\nkind: Namespace\nmetadata: ${one}\n`),
    'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: a\n    image: a\n    ports:\n',
  ].join('---\n');
  for (const command of [['inject'], ['inject', '--manual'], ['inject', '--explicit'], ['uninject']]) {
    const { out, err, error } = await run([...command, '-'], { input }).catch((failure) => failure);
    expect(error === undefined || error instanceof CommandError).toBe(true);
    expect(out).toContain('items: null');
    expect(err).toContain('list "" skipped: items[0] is no object');
    if (command[0] === 'inject') expect(err).toMatch(/pod "a" (annotated|injected)/);
  }
});

it('a Rollout that only names the workload of its pods is told where these are', async () => {
  const ref = '{apiVersion: apps/v1, kind: Deployment, name: web}';
  const input = `apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: web}\nspec: {workloadRef: ${ref}}\n`;
  const { out, err } = await run(['inject', '-'], { input });
  expect([out, err]).toEqual([
    input,
    'rollout "web" skipped: its pods are those of Deployment web, which spec.workloadRef names: inject that\n',
  ]);
});

it('items of a list of one kind are what the list says, and what says nothing at all is told', async () => {
  const spec = '{template: {spec: {containers: [{name: a, image: a}]}}}';
  const items = `items:\n- metadata: {name: a} # bare\n  spec: ${spec}\n- {kind: Pod}\n`;
  const typed = `apiVersion: apps/v1\nkind: DeploymentList\n${items}`;
  for (const flags of [[], ['--manual']]) {
    const { out, err } = await run(['inject', ...flags, '-'], { input: typed });
    expect(err).toMatch(/^deployment "a" (annotated|injected)\n/);
    expect(err).toContain('items[1] is no object');
    expect(out).toContain('metadata: {name: a} # bare');
    const [list] = documents(out) as { items: object[] }[];
    expect(list.items.map((item) => Object.keys(item))).toEqual([['metadata', 'spec'], ['kind']]);
    expect(documents((await run(['uninject', '-'], { input: out })).out)).toEqual(
      documents((await run(['uninject', '-'], { input: typed })).out),
    );
  }
  const bare = await run(['inject', '-'], { input: `apiVersion: v1\nkind: List\n${items}` });
  expect(bare.err.split('\n').filter((line) => line.endsWith('is no object'))).toHaveLength(2);
});

it('a template that is not rendered is passed on as it came, with a word and exit code 1', async () => {
  const input = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  k: {{ .Values.x }}\n';
  const { out, error } = await run(['inject', '-'], { input }).catch((failure) => failure);
  expect(out).toBe(input);
  expect(error.message).toContain('standard input:5: document 1: a key must be a text');
  expect(error.exitCode).toBe(1);
});

it('uninject takes out what inject wrote', async () => {
  const plain = (await run(['uninject', '-'], { input: deployment('web', { team: 'shop' }) })).out;
  for (const flags of [[], ['--manual'], ['--explicit']]) {
    const injected = (await run(['inject', ...flags, '-'], { input: plain })).out;
    expect(documents((await run(['uninject', '-'], { input: injected })).out)).toEqual(documents(plain));
  }
});

it('a file that is not there is named', async () => {
  const { error } = await run(['inject', 'nowhere.yaml']).catch((failure) => failure);
  expect(error.message).toContain('nowhere.yaml cannot be read');
});

it.each(['inject', 'uninject'])(
  '%s writes nothing of a file that is no UTF-8, for its bytes would change',
  async (command) => {
    const configMap = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: caf\u00e9}\n';
    for (const encoding of ['latin1', 'utf16le'] as const) {
      const input = Buffer.from(`\ufeff${configMap}`.slice(encoding === 'latin1' ? 1 : 0), encoding);
      writeFileSync(join(folder, 'encoded.yaml'), input);
      const problem = 'cannot be read: it is no text in UTF-8: save it as such';
      await expect(run([command, '-'], { input })).rejects.toMatchObject({
        out: '',
        error: new CommandError(`standard input ${problem}`),
      });
      await expect(run([command, 'encoded.yaml'], { cwd: folder })).rejects.toMatchObject({
        out: '',
        error: new CommandError(`encoded.yaml ${problem}`),
      });
    }
    expect((await run([command, '-'], { input: `\ufeff${configMap}` })).out).toBe(`\ufeff${configMap}`);
  },
);

describe('manifests are read from', () => {
  const names = (out: string): string[] => documents(out).map(({ metadata }) => metadata.name);
  mkdirSync(join(folder, 'many/below'), { recursive: true });
  // Without an end of line, and JSON beside YAML: what is written is one stream all the same.
  writeFileSync(join(folder, 'many/a.yaml'), '# first\nkind: ConfigMap\napiVersion: v1\nmetadata: { name: a }');
  writeFileSync(join(folder, 'many/below/c.json'), deployment('c'));
  writeFileSync(join(folder, 'many/b.yml'), deployment('b'));
  writeFileSync(join(folder, 'many/notes.txt'), 'no manifest');
  writeFileSync(join(folder, 'many/.hidden.yaml'), deployment('hidden'));

  it('a folder and those below it, in the order of names, and several places at once', async () => {
    const { out, err } = await run(['inject', 'many', '-'], { cwd: folder, input: deployment('web') });
    expect(names(out)).toEqual(['a', 'b', 'c', 'web']);
    expect(out).toContain('# first');
    expect(err).toBe('deployment "b" annotated\ndeployment "c" annotated\ndeployment "web" annotated\n');
  });

  it('a Namespace in one file is that of the workloads in another', async () => {
    writeFileSync(
      join(folder, 'namespace.yaml'),
      'apiVersion: v1\nkind: Namespace\nmetadata: { name: shop, annotations: { config.tulle.dev/opaque-ports: x } }\n',
    );
    const { err } = await run(['inject', 'namespace.yaml', '-'], { cwd: folder, input: deployment('web') }).catch(
      (failed) => failed,
    );
    expect(err).toContain('namespace "shop"');
  });

  it('a URL, whose refusal is told', async () => {
    const server = createServer(({ url }, response) => {
      response.writeHead(url === '/app.yaml' ? 200 : 404).end(deployment('far'));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const place = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      expect(names((await run(['inject', `${place}/app.yaml`])).out)).toEqual(['far']);
      const { error } = await run(['inject', `${place}/other.yaml`]).catch((failed) => failed);
      expect(error.message).toBe(`${place}/other.yaml cannot be read: the server answers 404`);
    } finally {
      server.close();
    }
  });

  it('what Kustomize makes of a folder, by kubectl, or kustomize where there is none', async () => {
    mkdirSync(join(folder, 'bin'));
    const program = join(folder, 'bin/kustomize');
    writeFileSync(program, `#!/bin/sh\n[ "$1" = build ] && /bin/cat "$2/a.yaml"\n`);
    chmodSync(program, 0o755);
    const environment = { PATH: join(folder, 'bin') };
    expect(names((await run(['inject', '-k', 'many'], { cwd: folder, environment })).out)).toEqual(['a']);
    expect(names((await run(['uninject', '-k', 'many'], { cwd: folder, environment })).out)).toEqual(['a']);
    const failed = await run(['inject', '-k', 'many'], { cwd: folder, environment: { PATH: '/nowhere' } }).catch(
      (f) => f,
    );
    expect(failed.error.message).toContain('needs kubectl or kustomize');
  });

  it.each([
    [[], 'name what is to be read', 64],
    [['-', '-'], '- can be read once', 64],
    [['-k', 'nowhere'], '--kustomize (nowhere) must be a folder', 64],
    [['nowhere.yaml'], 'nowhere.yaml cannot be read: there is no such file or folder', 64],
    [['namespace.yaml/below'], 'namespace.yaml/below cannot be read: there is no such file or folder', 64],
    [['--mesh', 'nowhere', '-'], 'nowhere cannot be read: there is no such file or folder', 64],
    [['bin'], 'bin has no file of manifests', 64],
    [['http://127.0.0.1:1/x'], 'http://127.0.0.1:1/x cannot be read: ', 1],
  ])('nothing of what cannot be read: %j', async (args, message, exitCode) => {
    const { out, error } = await run(['inject', ...args], { cwd: folder }).catch((failed) => failed);
    expect([out, error.message]).toEqual(['', expect.stringContaining(message)]);
    expect(error).toMatchObject({ exitCode });
  });
});
