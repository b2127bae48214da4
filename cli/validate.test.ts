import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { CommandError } from './terminal.ts';
import { type CommandRun, run } from './testing/run.ts';

const cwd = mkdtempSync(join(tmpdir(), 'tulle-validate-'));
beforeAll(() => {
  const write = (file: string, text: string): void => {
    mkdirSync(join(cwd, file, '..'), { recursive: true });
    writeFileSync(join(cwd, file), text);
  };
  const service =
    'apiVersion: v1\nkind: Service\nmetadata: { name: web, namespace: shop }\nspec: { ports: [{ port: 80 }] }\n';
  const route = (backend: string) => `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web, namespace: shop }
spec:
  parentRefs: [{ group: '', kind: Service, name: web }]
  rules: [{ backendRefs: [${backend}] }]
`;
  write('good/service.yaml', service);
  write('bad/service.yaml', service);
  write('bad/deeper/route.yml', route('{ name: web, port: 81 }'));
  write('doubtful/all.yaml', `${service}---\n${route('{ name: wbe, port: 80 }')}`);
  write('unreadable/one.yaml', 'kind: [');
  write('empty/readme.md', '');
  const server = (spec: string) => `apiVersion: policy.linkerd.io/v1beta3
kind: Server
metadata: { name: web, namespace: shop }
spec: { podSelector: {}, ${spec} }
`;
  write('misshapen/server.yaml', server('port: 80, proxyProtocol: HTTPx'));
  write(
    'idle/all.yaml',
    `${server('port: 99999')}---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop, annotations: { balancer.linkerd.io/failure-accrual: foo } }
spec: { ports: [{ port: 80 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: torn, namespace: shop }
spec: { template: { spec: { containers: {} } } }
---
apiVersion: v1
kind: Namespace
metadata: { name: shop, annotations: { tulle.dev/inject: 'yes' } }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: shop }
spec:
  template:
    metadata: { annotations: { tulle.dev/inject: enabled, config.tulle.dev/proxy-cpu-request: much } }
    spec: { containers: [{ name: web, image: web:1, ports: null }] }
`,
  );
});
afterAll(() => rmSync(cwd, { recursive: true }));

const validate = (...args: string[]): Promise<CommandRun> =>
  run(['validate', ...args], { cwd }).catch((failed: CommandRun) => failed);
const exitCode = ({ error }: CommandRun): number =>
  error === undefined ? 0 : error instanceof CommandError ? error.exitCode : 64;

describe('tulle validate', () => {
  it('has nothing to say of what works', async () => {
    expect(await validate('good')).toEqual({ out: 'nothing is wrong\n', err: '' });
  });

  it('tells file, object, field, message, fix and rule, and fails', async () => {
    const told = await validate('bad');
    expect(told.out).toBe(
      'error  bad/deeper/route.yml: HTTPRoute shop/web: spec.rules[0].backendRefs[0].port (81) is none of the Service ' +
        'shop/web, which has 80: name one of these, or give the Service that port [unknown-port]\n1 errors, 0 warnings\n',
    );
    expect(exitCode(told)).toBe(1);
  });

  it('fails for a warning when it is asked to', async () => {
    expect((await validate('doubtful')).out).toContain('warning  doubtful/all.yaml: HTTPRoute shop/web');
    expect(exitCode(await validate('doubtful'))).toBe(0);
    expect(exitCode(await validate('doubtful', '--fail-on', 'warning'))).toBe(1);
  });

  it('looks at what is named together, and prints lists for programs', async () => {
    const { out } = await validate('good', 'bad/deeper/route.yml', '-o', 'json');
    expect(JSON.parse(out)).toEqual([
      {
        severity: 'error',
        rule: 'unknown-port',
        file: 'bad/deeper/route.yml',
        object: 'HTTPRoute shop/web',
        field: 'spec.rules[0].backendRefs[0].port',
        message: '(81) is none of the Service shop/web, which has 80',
        fix: 'name one of these, or give the Service that port',
      },
    ]);
    expect(JSON.parse((await validate('good', '-o', 'json')).out)).toEqual([]);
    expect(parse((await validate('good', 'bad/deeper/route.yml', '-o', 'yaml')).out)).toEqual(JSON.parse(out));
  });

  it('tells what would take no effect, as the model of the mesh does', async () => {
    const told = await validate('idle');
    expect(told.out).toContain(
      "error  idle/all.yaml: Server shop/web: spec.port (99999) must be a number from 1 to 65535, or the name of a container's port [no-effect]\n",
    );
    expect(exitCode(told)).toBe(1);
    const listed = JSON.parse((await validate('idle', '-o', 'json')).out) as { rule: string; object: string }[];
    const idle = listed.filter(({ rule }) => rule === 'no-effect');
    expect(idle.map(({ object }) => object).sort()).toEqual([
      ...['Deployment shop/torn', 'Deployment shop/web', 'Namespace shop', 'Server shop/web', 'Service shop/web'],
    ]);
    expect(idle).toContainEqual(
      expect.objectContaining({
        severity: 'error',
        file: 'idle/all.yaml',
        object: 'Server shop/web',
        field: 'spec.port',
      }),
    );
  });

  it('tells of what breaks its schema the object with its namespace, the line and the field', async () => {
    const [told] = JSON.parse((await validate('misshapen', '-o', 'json')).out) as object[];
    expect(told).toEqual({
      ...{ severity: 'error', rule: 'schema', file: 'misshapen/server.yaml', line: 1, object: 'Server shop/web' },
      field: 'spec.proxyProtocol',
      message: "(HTTPx) must be one of 'unknown', 'HTTP/1', 'HTTP/2', 'gRPC', 'opaque', 'TLS'",
    });
  });

  it('tells of a route of the Gateway API what its definition does not take, and nothing else', async () => {
    const route = {
      ...{
        apiVersion: 'gateway.networking.k8s.io/v1',
        kind: 'HTTPRoute',
        metadata: { name: 'web', namespace: 'shop' },
      },
      spec: { hostnames: ['shop.example:80'], rules: [{ backendRef: [], timeouts: { request: 2 } }] },
    };
    const input = JSON.stringify(route);
    const { out } = await run(['validate', '-'], { cwd, input }).catch((failed: CommandRun) => failed);
    const place = '  standard input: HTTPRoute shop/web: ';
    expect(out.split('\n').map((line) => line.replace(/: correct it.*/, ''))).toEqual([
      `error${place}spec.hostnames[0] (shop.example:80) must be a host in lower case, such as shop.example or '*.shop.example', without a port`,
      `error${place}spec.rules[0].timeouts.request (2) must be a text`,
      `warning${place}spec.rules[0].backendRef is no field that is known: they are backendRefs, filters, matches, name, retry, sessionPersistence, timeouts`,
      ...['2 errors, 1 warnings', ''],
    ]);
  });

  it('tells the line of what is no manifest', async () => {
    const told = await validate('unreadable');
    expect(told.out).toMatch(/^error {2}unreadable\/one\.yaml:1: document 1: .+ \[schema\]\n/);
    expect(exitCode(told)).toBe(1);
  });

  it('reads standard input and URLs beside files, and a file once that its folder has too', async () => {
    const route = readFileSync(join(cwd, 'bad/deeper/route.yml'), 'utf8');
    const server = createServer((_, response) => response.end(route)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/route.yaml`;
    const service = readFileSync(join(cwd, 'good/service.yaml'));
    const told = await run(['validate', url, '-'], { cwd, input: service }).catch((failed: CommandRun) => failed);
    server.close();
    expect(told.out).toContain(`error  ${url}: HTTPRoute shop/web: spec.rules[0].backendRefs[0].port (81)`);
    const broken = await run(['validate', '-'], { cwd, input: 'kind: [' }).catch((failed: CommandRun) => failed);
    expect(broken.out).toContain('error  standard input:1: document 1: ');
    expect((await validate('bad', 'bad/deeper/route.yml')).out).toContain('\n1 errors, 0 warnings\n');
  });

  it('takes what kubectl takes: names that are generated, lists of one kind, empty Lists, containers of Knative', async () => {
    const pod = '{containers: [{name: a, image: a}]}';
    const input = [
      `apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: once-}\nspec: {template: {spec: ${pod}}}`,
      `apiVersion: v1\nkind: PodList\nitems: [{metadata: {name: a}, spec: ${pod}}]`,
      'apiVersion: v1\nkind: List\nitems:',
      'apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: k}\nspec: {template: {spec: {containers: [{image: a}]}}}',
    ];
    expect((await run(['validate', '-'], { cwd, input: input.join('\n---\n') })).out).toBe('nothing is wrong\n');
    const wrong = 'apiVersion: v1\nkind: ServiceList\nitems: [{metadata: {name: a}, spec: {ports: [{port: x}]}}]';
    const told = await run(['validate', '-'], { cwd, input: wrong }).catch((failed: CommandRun) => failed);
    expect(told.out).toContain('Service default/a: spec.ports[0].port (x) must be a whole number');
    const word = 'apiVersion: v1\nkind: Service\nmetadata: {name: n}';
    const named = await run(['validate', '-'], { cwd, input: word }).catch((failed: CommandRun) => failed);
    expect(named.out).toContain('metadata.name (false) must be a string: put it in quotes');
  });

  it('fails where there was nothing to look at, so that an empty pipe is no success, and for what is no text', async () => {
    const of = (input: string | Uint8Array) =>
      run(['validate', '-'], { cwd, input }).catch((failed: CommandRun) => failed);
    const empty = await of('# none\n---\n');
    expect([empty.error?.message, exitCode(empty)]).toEqual([
      'there is no object in standard input: nothing was looked at',
      1,
    ]);
    expect((await of(Buffer.from('\ufeffkind: A', 'utf16le'))).error?.message).toContain('it is no text in UTF-8');
  });

  it.each([
    [['nowhere'], 'nowhere cannot be read: there is no such file or folder'],
    [['empty'], 'empty has no file of manifests: *.yaml, *.yml, *.json'],
    [['-', '-'], '- can be read once'],
    [[], "missing required argument 'path'"],
    [['good', '-o', 'wide'], "option '-o, --output <format>' argument 'wide' is invalid"],
  ])('with %j is asked wrongly, and says so with 64', async (args, message) => {
    const told = await validate(...args);
    expect(`${told.err}${told.error?.message}`).toContain(message);
    expect(exitCode(told)).toBe(64);
  });
});
