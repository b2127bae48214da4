import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { fakeApi } from '../testing/fake-api.ts';
import { type CommandRun, run } from '../testing/run.ts';

const folder = mkdtempSync(join(tmpdir(), 'tulle-model-'));
afterAll(() => rmSync(folder, { recursive: true }));

const workload = (name: string): object[] => [
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'shop' },
    spec: {
      template: {
        metadata: { labels: { app: name }, annotations: { 'tulle.dev/inject': 'enabled' } },
        spec: { serviceAccountName: name, containers: [{ name, image: 'a:1', ports: [{ containerPort: 8080 }] }] },
      },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop' },
    spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }] },
  },
];
const server = (accessPolicy: string) => ({
  apiVersion: 'policy.linkerd.io/v1beta3',
  kind: 'Server',
  metadata: { name: 'orders', namespace: 'shop' },
  spec: { podSelector: { matchLabels: { app: 'orders' } }, port: 8080, accessPolicy },
});
const fromWeb = {
  apiVersion: 'policy.linkerd.io/v1alpha1',
  kind: 'AuthorizationPolicy',
  metadata: { name: 'orders-from-web', namespace: 'shop' },
  spec: {
    targetRef: { group: 'policy.linkerd.io', kind: 'Server', name: 'orders' },
    requiredAuthenticationRefs: [{ kind: 'ServiceAccount', name: 'web' }],
  },
};

const fromOffice = {
  apiVersion: 'policy.linkerd.io/v1alpha1',
  kind: 'AuthorizationPolicy',
  metadata: { name: 'orders-from-office', namespace: 'shop' },
  spec: {
    targetRef: { group: 'policy.linkerd.io', kind: 'Server', name: 'orders' },
    requiredAuthenticationRefs: [{ group: 'policy.linkerd.io', kind: 'NetworkAuthentication', name: 'office' }],
  },
};
const office = {
  apiVersion: 'policy.linkerd.io/v1alpha1',
  kind: 'NetworkAuthentication',
  metadata: { name: 'office', namespace: 'shop' },
  spec: { networks: [{ cidr: '10.20.0.0/16' }] },
};

const write = (name: string, text: string): void => {
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, name, 'all.yaml'), text);
};

beforeAll(() => {
  const all = ['web', 'orders', 'batch'].flatMap(workload);
  for (const [name, more] of [
    ['closed', [server('deny'), fromWeb]],
    ['open', [server('all-authenticated')]],
    ['office', [server('deny'), fromOffice, office]],
    ['broken', ['a: [']],
  ] as const) {
    const objects = name === 'broken' ? ['a: ['] : [...all, ...more].map((object) => stringify(object));
    write(name, objects.join('---\n'));
  }
  const open = [...all, server('all-authenticated')].map((object) => stringify(object));
  const batchDeployment = 4;
  write('bare', open.with(batchDeployment, open[batchDeployment].replace('enabled', 'disabled')).join('---\n'));
  const ordersService = 3;
  write('adrift', open.with(ordersService, open[ordersService].replace('app: orders', 'app: order')).join('---\n'));
  write('blank', '# nothing yet\n');
});

const explain = (...args: string[]) => run(['explain', '--manifests', 'closed', ...args], { cwd: folder });
const failed = (running: Promise<CommandRun>): Promise<CommandRun> =>
  running.then(
    () => Promise.reject(new Error('it did not fail')),
    (failure: CommandRun) => failure,
  );

describe('tulle explain', () => {
  it('tells what lets a call in, and where it goes', async () => {
    const { out } = await explain('--from', 'shop/web', 'GET', 'http://orders/v2');
    expect(out.split('\n').slice(0, 3)).toEqual([
      'GET http://orders/v2 from shop/web',
      'allowed by AuthorizationPolicy shop/orders-from-web, encrypted by the mesh',
      '100 % to orders:80',
    ]);
  });

  it.each([
    ['http://nope.shop:8080/', '100 % to nope.shop:8080'],
    ['http://example.org/', '100 % to example.org:80'],
    ['tls://example.org', '100 % to example.org:443'],
    ['http://[2001:db8::1]:8080/', '100 % to 2001:db8::1:8080'],
  ])('names host and port of what is no Service: %s', async (call, where) => {
    expect((await explain(call)).out.split('\n')[2]).toBe(where);
  });

  it('tells of a connection, too', async () => {
    const { out } = await explain('--from', 'shop/web', 'tcp://orders:80');
    expect(out.split('\n').slice(0, 3)).toEqual([
      'tcp://orders:80 from shop/web',
      'allowed by AuthorizationPolicy shop/orders-from-web, encrypted by the mesh',
      '100 % to orders:80',
    ]);
  });

  it('fails where a call is refused, and tells who is let in instead', async () => {
    const { out, error } = await failed(explain('--from', 'shop/batch', 'http://orders/'));
    expect(out).toContain('refused: nothing lets this client in, answered 403');
    expect(out).toContain('AuthorizationPolicy shop/orders-from-web is for web.shop.serviceaccount.');
    expect(error).toMatchObject({ exitCode: 1, message: '' });
  });

  it('takes the namespace of a caller from -n, and prints JSON', async () => {
    const { out } = await run(
      ['-n', 'shop', 'explain', '--manifests', 'closed', '--from', 'web', '-o', 'json', 'POST', 'http://orders/'],
      { cwd: folder },
    );
    expect(JSON.parse(out)).toMatchObject({ allowed: true, mtls: true, backends: [{ service: 'orders', share: 1 }] });
  });

  it('tells clients outside of the mesh apart by their address, in whichever namespace one looks', async () => {
    const asked = (...args: string[]) =>
      run(['-n', 'shop', 'explain', '--manifests', 'office', ...args, 'http://orders.shop/'], { cwd: folder });
    const inside = await asked('--address', '10.20.0.7');
    expect(inside.out).toMatch(
      /from 10\.20\.0\.7, outside of the mesh\nallowed by AuthorizationPolicy shop\/orders-from-office/,
    );
    const { out, error } = await failed(asked());
    expect(out).toMatch(/from outside of the mesh\nrefused: /);
    expect(error).toMatchObject({ exitCode: 1, message: '' });
  });

  it.each([
    [
      ['--from', 'shop/web', '--address', '10.20.0.7', 'http://orders/'],
      '--address (10.20.0.7) must not be given with',
    ],
    [['--address', 'office', 'http://orders.shop/'], "'address' (office) must be an address such as 10.20.0.7"],
    [['--from', 'shop/nobody', 'http://orders/'], "'shop/nobody' is no workload of the manifests, which have"],
    [['orders'], "'to' (orders) must be a URL"],
    [['-H', 'x', 'http://orders/'], '--header (x) must be a name and a value'],
    [['GET', 'http://orders/', 'more'], 'must be a method and a URL'],
    [['GET', 'tcp://orders:80'], "'GET tcp://orders:80' must be a URL alone: tcp://db:5432"],
    [['--server-name', 'a', 'http://orders/'], "'serverName' (a) must be left out: only TLS asks for a name"],
  ])('refuses %j with what to write', async (args, message) => {
    const { error } = await failed(explain(...args));
    expect(error?.message).toContain(message);
    expect(error).toMatchObject({ exitCode: 64 });
  });

  it('says which folder and file cannot be read', async () => {
    const ofFolder = (name: string) => failed(run(['explain', '--manifests', name, 'http://a/'], { cwd: folder }));
    const missing = 'nowhere: there is no such folder: name one of manifests';
    expect((await ofFolder('nowhere')).error).toMatchObject({ exitCode: 64, message: missing });
    const authz = failed(run(['authz', 'deploy', '--manifests', 'nowhere'], { cwd: folder }));
    expect((await authz).error).toMatchObject({ exitCode: 64, message: missing });
    expect((await ofFolder('broken')).error?.message).toContain('broken/all.yaml:1');
  });
});

it('tulle explain asks the mesh of a cluster', async () => {
  const list = (items: object[]) => ({ items });
  const all = ['web', 'orders'].flatMap(workload) as { kind: string }[];
  const only = (kind: string) => list(all.filter((object) => object.kind === kind));
  const api = await fakeApi({
    '/api/v1/namespaces': list([{ metadata: { name: 'shop' } }]),
    '/api/v1/services': only('Service'),
    '/apis/apps/v1/deployments': only('Deployment'),
    '/apis/apps/v1/statefulsets': list([]),
    '/apis/apps/v1/daemonsets': list([]),
    '/apis/policy.linkerd.io/v1beta3/servers': list([server('deny')]),
    '/apis/policy.linkerd.io/v1alpha1/authorizationpolicies': list([fromWeb]),
  });
  try {
    const { out } = await run(
      ['--kubeconfig', api.kubeconfig, 'explain', '--cluster', '--from', 'shop/web', 'http://orders/'],
      { cwd: folder },
    );
    expect(out).toContain('allowed by AuthorizationPolicy shop/orders-from-web, encrypted by the mesh');
  } finally {
    api.close();
  }
});

describe('tulle compare', () => {
  it('tells what is opened and shut, each in a line', async () => {
    const { out } = await run(['compare', 'closed', 'open'], { cwd: folder });
    expect(out.split('\n').filter((line) => line !== '')).toEqual([
      'opened  shop/deployment/orders -> shop/deployment/orders:8080',
      'opened  shop/deployment/batch -> shop/deployment/orders:8080',
    ]);
    expect((await run(['compare', 'closed', 'closed'], { cwd: folder })).out).toBe(
      'no call is opened, shut or moved\n',
    );
  });

  it('fails on what it is told to fail on', async () => {
    const comparing = (...args: string[]) => run(['compare', ...args], { cwd: folder });
    expect((await failed(comparing('--fail-on', 'opened', 'closed', 'open'))).error).toMatchObject({ exitCode: 1 });
    await comparing('--fail-on', 'opened,moved', 'open', 'closed');
    expect((await failed(comparing('--fail-on', 'doors', 'open', 'closed'))).error?.message).toContain(
      '--fail-on (doors)',
    );
  });

  it('a call that loses its encryption is moved, whichever end loses its sidecar', async () => {
    const { out, error } = await failed(run(['compare', '--fail-on', 'moved', 'open', 'bare'], { cwd: folder }));
    expect(error).toMatchObject({ exitCode: 1 });
    expect(out).toContain(
      'moved   shop/deployment/web -> http://batch.shop:80/: 100 % shop/batch:80 => 100 % shop/batch:80 in plaintext\n',
    );
    expect(out).toContain('moved   shop/deployment/batch -> http://web.shop:80/: ');
    expect(out).not.toContain('moved   shop/deployment/web -> http://orders.shop:80/');
  });

  it('a call that a Service has nothing for any more is shut, and moved when it has something again', async () => {
    const comparing = (...args: string[]) => run(['compare', ...args], { cwd: folder });
    const { out, error } = await failed(comparing('--fail-on', 'shut', 'open', 'adrift'));
    expect(error).toMatchObject({ exitCode: 1 });
    expect(out).toContain('shut    shop/deployment/web -> shop/service/orders:80\n');
    expect(out).not.toContain('moved');
    expect((await comparing('adrift', 'open')).out).toContain(
      'moved   shop/deployment/web -> http://orders.shop:80/: answered 504 => 100 % shop/orders:80\n',
    );
  });

  it.each([
    ['nowhere', 'nowhere: there is no such folder'],
    ['open/all.yaml', 'open/all.yaml: there is no such folder'],
    ['blank', 'blank: there are no manifests in this folder'],
  ])('refuses %s, of which it would tell that nothing changes', async (place, message) => {
    const { out, error } = await failed(run(['compare', '--fail-on', 'shut', 'open', place], { cwd: folder }));
    expect([out, error?.message]).toEqual(['', expect.stringContaining(message)]);
    expect(error).toMatchObject({ exitCode: 64 });
  });

  it('prints JSON for a pull request', async () => {
    const { out } = await run(['compare', '-o', 'json', 'open', 'closed'], { cwd: folder });
    const { shut, opened } = JSON.parse(out) as { shut: object[]; opened: object[] };
    expect([shut.length, opened.length]).toEqual([2, 0]);
  });
});
