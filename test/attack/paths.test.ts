import { createServer } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { TestMesh } from '../proxy/test-mesh.ts';
import { vector } from './vector.ts';

/** Everybody may call the server, but for `/admin`, which is for the workload `ops`. */
let mesh: TestMesh;
const seen: string[] = [];
const group = 'policy.linkerd.io';
const object = (kind: string, name: string, spec: object) => ({
  apiVersion: `${group}/${kind === 'Server' || kind === 'HTTPRoute' ? 'v1beta3' : 'v1alpha1'}`,
  kind,
  metadata: { name, namespace: 'test' },
  spec,
});
const route = (name: string, value: string, ...exact: string[]) =>
  object('HTTPRoute', name, {
    parentRefs: [{ group, kind: 'Server', name: 'server' }],
    rules: [
      {
        matches: [
          { path: { type: 'PathPrefix', value } },
          ...exact.map((value) => ({ path: { type: 'Exact', value } })),
        ],
      },
    ],
  });
/** Anybody may read below `/items`, and only `ops` may take something away. */
const removal = object('HTTPRoute', 'removal', {
  parentRefs: [{ group, kind: 'Server', name: 'server' }],
  rules: [{ matches: [{ path: { type: 'PathPrefix', value: '/items' }, method: 'DELETE' }] }],
});
const allow = (name: string, kind: string, authentication = name) =>
  object('AuthorizationPolicy', name, {
    targetRef: { group, kind: 'HTTPRoute', name },
    requiredAuthenticationRefs: [{ group, kind, name: authentication }],
  });

beforeAll(async () => {
  mesh = await TestMesh.start([{ name: 'ops' }, { name: 'server', ports: [8080] }]);
  await mesh.serve(
    'server',
    8080,
    createServer((incoming, response) => {
      seen.push(incoming.url ?? '');
      response.end(incoming.url);
    }),
  );
  await mesh.ready();
  mesh.apply(
    object('Server', 'server', { podSelector: { matchLabels: { app: 'server' } }, port: 8080 }),
    route('admin', '/admin', '/panel', '/v1/users:remove', '/caf%c3%a9'),
    removal,
    allow('removal', 'MeshTLSAuthentication', 'admin'),
    route('public', '/'),
    object('MeshTLSAuthentication', 'admin', { identityRefs: [{ kind: 'ServiceAccount', name: 'ops' }] }),
    object('NetworkAuthentication', 'public', { networks: [{ cidr: '0.0.0.0/0' }, { cidr: '::/0' }] }),
    allow('admin', 'MeshTLSAuthentication'),
    allow('public', 'NetworkAuthentication'),
  );
  await vi.waitFor(async () => expect([await ask('/admin'), await ask('/')]).toEqual([403, 200]), 10_000);
  await vi.waitFor(async () => expect(await asOps('/admin')).toBe(200), 10_000);
}, 90_000);
afterAll(() => mesh.stop());

/** The status of a request whose path is sent as it stands. */
const ask = (path: string, method?: string): Promise<number> => send(mesh.ip('server'), 4143, 'server', path, method);
const asOps = (path: string): Promise<number> => send(mesh.ip('ops'), 4140, 'server.test:8080', path);

function send(host: string, port: number, authority: string, path: string, method = 'GET'): Promise<number> {
  const socket = connect(port, host);
  let read = '';
  socket
    .on('error', () => {})
    .on('data', (chunk) => {
      read += chunk;
    });
  socket.write(`${method} ${path} HTTP/1.1\r\nhost: ${authority}\r\nconnection: close\r\n\r\n`, 'latin1');
  return new Promise((resolve) => socket.once('close', () => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(read)?.[1]))));
}

const spellings = [
  ...['//admin', '///admin', '/./admin', '/.//admin', '/x/../admin', '/x/y/../../admin', '/../admin', '/x//../admin'],
  ...['/%61dmin', '/%61%64%6d%69%6e', '/a%64min', '/%2e/admin', '/x/%2e%2e/admin', '/x/.%2E/admin', '/%2E%2E/admin'],
  ...['/admin;a=b', '/admin;/x', '/;/admin', '/x/..;/admin', '/x/..;a=b/admin', '/;a/%61dmin', '/x;/../admin;y'],
  ...[
    '/admin/',
    '/admin/x',
    '/admin?x',
    '/admin/../public',
    '/admin/..',
    '/admin//../..',
    '/admin/./x',
    '//admin/../x',
  ],
  ...[
    '/admin%2fx',
    '/admin%2F',
    '/x%2f..%2fadmin',
    '/admin%5cx',
    '/x\\..\\admin',
    '/admin\\x',
    '/admin%00',
    '/%u0061dmin',
  ],
  ...['/ADMIN', '/Admin/x', '/x/../aDMIN/', '/%41dmin', '/ADMIN?x', '/panel/', '/Panel', '/panel//', '/panel/?x'],
  ...[
    '/v1/users%3Aremove',
    '/v1/users%3aremove',
    '/v1/Users:Remove',
    '/v1/users:remove/',
    '/caf%C3%a9',
    '/CAF%C3%89/../caf%c3%A9',
  ],
];

vector(
  {
    who: 'net',
    attack:
      '53 spellings of a path that only another may call: slashes, dot segments, percent-encoding, path parameters, case',
    promise:
      'none reaches the application that some application would read as that path: 403, or 400 where they differ',
  },
  async () => {
    seen.length = 0;
    for (const path of spellings) {
      const expected = /%2f|%5c|%00|%u|\\/i.test(path) ? 400 : 403;
      expect(await ask(path), path).toBe(expected);
    }
    expect(seen).toEqual([]);
    expect(await mesh.metric('server', 'inbound_http_errors_total', 'error="ambiguous path"')).toBeGreaterThanOrEqual(
      8,
    );
  },
  30_000,
);

vector(
  {
    who: 'net',
    attack: 'a method that only another may use, in small letters, which some frameworks take for it',
    promise: 'it needs what the method itself needs',
  },
  async () => {
    seen.length = 0;
    for (const method of ['DELETE', 'delete', 'Delete']) expect(await ask('/items/1', method), method).toBe(403);
    expect(seen).toEqual([]);
    expect(await ask('/items/1')).toBe(200);
  },
);

it('who may call it may in each of these, and the application gets what came', async () => {
  for (const path of ['//admin', '/x/../admin', '/%61dmin', '/admin;a=b', '/ADMIN/', '/Panel/']) {
    seen.length = 0;
    expect(await asOps(path)).toBe(200);
    expect(seen).toEqual([path]);
  }
});

it.each([
  '/',
  '/a//b',
  '/a/../b',
  '/%7euser',
  '/x;y=z',
  '/?next=%2Fadmin',
  '/administrators',
  '/x?y=/../admin',
  '/ADMINISTRATORS/',
  '/panel/x',
  '/A/b/',
  '/x?y=/ADMIN/',
  '/a.B/C',
])('%s is nobody’s secret', async (path) => {
  expect(await ask(path)).toBe(200);
});
