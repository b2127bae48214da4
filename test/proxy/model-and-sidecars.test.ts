import { createServer, request } from 'node:http';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { MeshModel } from '../../model/mesh-model.ts';
import { TestMesh } from './test-mesh.ts';

/** The model of a mesh is held against that mesh: the same objects, each call asked of both. */
const names = ['web', 'orders', 'next', 'open'] as const;
const group = 'policy.linkerd.io';
const gateway = 'gateway.networking.k8s.io/v1';
const object = (apiVersion: string, kind: string, name: string, spec: object) => ({
  ...{ apiVersion, kind, metadata: { name, namespace: 'test' }, spec },
});
const server = (name: string, accessPolicy: string) =>
  object(`${group}/v1beta3`, 'Server', name, {
    ...{ podSelector: { matchLabels: { app: name } }, port: 8080, accessPolicy },
  });
const serverRef = (name: string) => ({ group, kind: 'Server', name });
const allow = (name: string, targetRef: object, ...accounts: string[]) =>
  object(`${group}/v1alpha1`, 'AuthorizationPolicy', name, {
    targetRef,
    requiredAuthenticationRefs: accounts.map((account) => ({ kind: 'ServiceAccount', name: account })),
  });
const prefix = (value: string) => ({ path: { type: 'PathPrefix', value } });

const objects = [
  server('orders', 'deny'),
  server('next', 'all-authenticated'),
  allow('orders-from-web', serverRef('orders'), 'web'),
  object(`${group}/v1beta3`, 'HTTPRoute', 'orders-paths', {
    parentRefs: [serverRef('orders')],
    rules: [
      { matches: [prefix('/items'), { ...prefix('/admin'), method: 'POST' }, { path: { type: 'Exact', value: '/' } }] },
    ],
  }),
  object(`${group}/v1beta3`, 'HTTPRoute', 'orders-public', {
    parentRefs: [serverRef('orders')],
    rules: [{ matches: [prefix('/public')] }],
  }),
  allow('public', { group, kind: 'HTTPRoute', name: 'orders-public' }, 'open', 'next'),
  object(gateway, 'HTTPRoute', 'orders-canary', {
    parentRefs: [{ group: '', kind: 'Service', name: 'orders', port: 8080 }],
    rules: [
      { matches: [{ headers: [{ name: 'x-canary', value: '1' }] }], backendRefs: [{ name: 'next', port: 8080 }] },
      { matches: [prefix('/gone')], backendRefs: [{ name: 'nobody', port: 8080 }] },
      {
        matches: [prefix('/moved')],
        filters: [{ type: 'RequestRedirect', requestRedirect: { hostname: 'elsewhere.org', statusCode: 301 } }],
      },
      {
        matches: [prefix('/old')],
        filters: [
          { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/items' } } },
        ],
        backendRefs: [{ name: 'orders', port: 8080 }],
      },
      {
        backendRefs: [
          { name: 'orders', port: 8080, weight: 3 },
          { name: 'next', port: 8080, weight: 0 },
        ],
      },
    ],
  }),
  object(gateway, 'HTTPRoute', 'open-get', {
    parentRefs: [{ group: '', kind: 'Service', name: 'open', port: 8080 }],
    rules: [
      {
        matches: [{ method: 'GET', queryParams: [{ name: 'v', value: '1' }] }, prefix('/any')],
        backendRefs: [{ name: 'open', port: 8080 }],
      },
    ],
  }),
];

let mesh: TestMesh;
const model = MeshModel.fromYaml([...names.flatMap(workload), ...objects].map((each) => stringify(each)).join('---\n'));

function workload(name: string): object[] {
  const metadata = { name, namespace: 'test' };
  const container = { name, image: 'app:1', ports: [{ containerPort: 8080 }] };
  const template = {
    metadata: { labels: { app: name }, annotations: { 'tulle.dev/inject': 'explicit' } },
    spec: { serviceAccountName: name, containers: [container] },
  };
  return [
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { template } },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector: { app: name }, ports: [{ name: 'p8080', port: 8080 }] },
    },
  ];
}

beforeAll(async () => {
  mesh = await TestMesh.start(
    names.map((name) => ({ name, ports: [8080] })),
    objects,
  );
  for (const name of names) {
    const app = createServer((asked, response) => response.end(`${name} ${asked.url}`));
    await mesh.serve(name, 8080, app);
  }
  await mesh.ready();
  await vi.waitFor(async () => expect((await ask('web', 'orders', 'GET', '/items', {})).body).toBe('orders /items'), {
    timeout: 10_000,
  });
}, 90_000);
afterAll(() => mesh.stop());

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
}

function ask(from: string, to: string, method: string, path: string, headers: Record<string, string>): Promise<Answer> {
  const options = { host: mesh.ip(from), port: 4140, method, path, headers: { host: `${to}.test:8080`, ...headers } };
  return new Promise((resolve, reject) => {
    const asked = request({ ...options, agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode, body }));
    });
    asked.on('error', reject);
    asked.end();
  });
}

const paths = [
  ...[
    '/',
    '/items',
    '/items/1?a=b',
    '/Items',
    '/items/../admin',
    '/items%2f..%2fadmin',
    '/admin',
    '/public',
    '/public/x',
  ],
  ...['/gone', '/moved/x', '/old/7', '/any', '/none?v=1', '//items'],
];
const plain: readonly Record<string, string>[] = [{}];
const both: readonly Record<string, string>[] = [{}, { 'x-canary': '1' }];
const calls = names.flatMap((from) =>
  names.flatMap((to) =>
    paths.flatMap((path) =>
      (['GET', 'POST'] as const).flatMap((method) =>
        (to === 'orders' ? both : plain).map((headers) => ({ from, to, path, method, headers })),
      ),
    ),
  ),
);

it(`decides each of ${calls.length} calls as the sidecars do, and says where it goes`, async () => {
  const wrong: object[] = [];
  for (const { from, to, path, method, headers } of calls) {
    const told = model.call({ from: `test/${from}`, to: `http://${to}.test:8080`, path, method, headers });
    const { status, body } = await ask(from, to, method, path, headers);
    const expected = told.allowed ? 200 : told.status;
    const [answered, url] = body.split(' ');
    const isThere = !told.allowed || told.backends.some(({ service, share }) => share > 0 && service === answered);
    const isSame = !told.allowed || told.sent.path === url;
    if (status !== expected || !isThere || !isSame) {
      wrong.push({ from, to, path, method, headers, status, body, told: { ...told, steps: told.steps.slice(-3) } });
    }
  }
  expect(wrong).toEqual([]);
}, 60_000);
