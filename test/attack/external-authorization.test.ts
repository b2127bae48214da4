import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { connect } from 'node:http2';
import { afterAll, beforeAll, expect, vi } from 'vitest';
import { PolicyWorld } from '../../control-plane/policy/testing.ts';
import { Authorizer, allowed, denied } from '../proxy/authorizer.ts';
import { TestMesh } from '../proxy/test-mesh.ts';
import { vector } from './vector.ts';

/** A server whose sidecar asks an authorizer, which lets in those who say the word and tells the application who it is. */
let mesh: TestMesh;
const authorizer = new Authorizer();
const group = 'policy.linkerd.io';
const server = (namespace = 'test') => ({
  apiVersion: `${group}/v1beta3`,
  kind: 'Server',
  metadata: { name: 'server', namespace },
  spec: {
    podSelector: { matchLabels: { app: 'server' } },
    port: 8080,
    accessPolicy: 'all-unauthenticated',
  },
});
const asks = (spec: object = {}, namespace = 'test', name = 'asked') => ({
  apiVersion: 'tulle.dev/v1alpha1',
  kind: 'ExternalAuthorization',
  metadata: { name, namespace },
  spec: {
    targetRef: { group, kind: 'Server', name: 'server' },
    backendRef: { name: 'authorizer', port: 9191 },
    timeout: '2s',
    headersToBackend: ['x-user'],
    ...spec,
  },
});

beforeAll(async () => {
  mesh = await TestMesh.start(
    [
      { name: 'server', ports: [8080] },
      { name: 'authorizer', ports: [9191] },
      { name: 'client' },
      { name: 'neighbour' },
    ],
    [server(), asks()],
  );
  await mesh.serve(
    'server',
    8080,
    createServer((incoming, response) => response.end(JSON.stringify(incoming.rawHeaders))),
  );
  await authorizer.listen(mesh.ip('authorizer'), 9191);
  authorizer.decide = ({ request: told }) => (told?.http?.headers['x-word'] === 'please' ? allowed() : denied());
  await mesh.ready();
  await vi.waitFor(async () => expect((await ask()).status).toBe(403), 8000);
  await vi.waitFor(async () => expect((await ask({ 'x-word': 'please' })).status).toBe(200), 8000);
}, 60_000);
afterAll(async () => {
  authorizer.stop();
  await mesh?.stop();
});

interface Told {
  readonly status: number | undefined;
  readonly body: string;
}
const send = (at: object, headers: Record<string, string>): Promise<Told> =>
  new Promise((resolve, reject) => {
    request({ path: '/', agent: false, ...at, headers }, (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode, body }));
    })
      .on('error', reject)
      .end();
  });
const ask = (headers: Record<string, string> = {}, localAddress = '127.0.0.1') =>
  send({ host: mesh.ip('server'), port: 4143, localAddress }, { host: 'server', ...headers });
/** As a workload of the mesh, through its sidecar. */
const askAs = (workload: string, headers: Record<string, string> = {}) =>
  send({ host: mesh.ip(workload), port: 4140 }, { host: 'server.test:8080', ...headers });

/** Its heads may be larger than those of HTTP/1. */
async function askHttp2(headers: Record<string, string>): Promise<number | undefined> {
  const session = connect(`http://${mesh.ip('server')}:4143`);
  try {
    const stream = session.request({ ':path': '/', ':authority': 'server', ...headers });
    const [head] = await once(stream, 'response');
    return head[':status'];
  } finally {
    session.destroy();
  }
}

vector(
  {
    who: 'net',
    attack:
      'headers that only an authorizer may set, in 4 spellings, and the mark of a check, on requests that it lets in and on others',
    promise: 'the application is told none of them, and nobody who is to be asked about goes in unasked',
  },
  async () => {
    for (const name of ['x-user', 'X_User', 'x.user', 'x~user']) {
      const told = await ask({ 'x-word': 'please', [name]: 'root' });
      expect([told.status, told.body.includes('root')]).toEqual([200, false]);
    }
    expect((await ask({ 'l5d-ext-authz': '1' })).status).toBe(508);
    expect((await ask({ 'l5d-ext-authz': '1', 'x-word': 'please' })).status).toBe(508);
    expect((await ask({ l5d_ext_authz: '1' })).status).toBe(403);
  },
  20_000,
);

vector(
  {
    who: 'net',
    attack: 'so many headers that not all of them can be told an authorizer, where its failures let in',
    promise: 'the request is refused: none is let in of which the authorizer has not seen all that it is to see',
  },
  async () => {
    mesh.apply(server(), asks({ failureMode: 'Open', headersToBackend: ['x-user', 'x-other'] }));
    const many = (bytes: number) =>
      Object.fromEntries(Array.from({ length: bytes / 1000 }, (_, i) => [`x-${i}`, 'x'.repeat(960)]));
    await vi.waitFor(async () => {
      expect((await ask({ 'x-word': 'please', 'x-other': 'a' })).body).not.toContain('x-other');
    }, 8000);
    for (const bytes of [10_000, 40_000, 57_000, 59_000]) expect([403, 431]).toContain((await ask(many(bytes))).status);
    const asked = authorizer.asked.length;
    expect(await askHttp2({ 'x-word': 'please', 'x-much': 'x'.repeat(62_000) })).toBe(403);
    expect(authorizer.asked.length).toBe(asked);
    expect(await askHttp2({ 'x-word': 'please', 'x-much': 'x'.repeat(60_000) })).not.toBe(403);
  },
  20_000,
);

vector(
  {
    who: 'net',
    attack: 'as many requests as a client may have, of which each keeps the authorizer busy, where its failures let in',
    promise: 'what goes beyond its share is refused, not let in unasked, and others are asked about all the while',
  },
  async () => {
    mesh.apply(server(), asks({ failureMode: 'Open', headersToBackend: ['x-user', 'x-none'], timeout: '10s' }));
    await vi.waitFor(async () => {
      expect((await ask({ 'x-word': 'please', 'x-none': 'a' })).body).not.toContain('x-none');
    }, 8000);
    const { promise, resolve: go } = Promise.withResolvers<void>();
    const { decide } = authorizer;
    authorizer.decide = async (attributes) => {
      if (attributes.request?.http?.headers['x-stall'] !== undefined) await promise;
      return decide(attributes);
    };
    const sessions = Array.from({ length: 10 }, () => connect(`http://${mesh.ip('server')}:4143`));
    const statuses: number[] = [];
    const told = Array.from({ length: 600 }, async (_, i) => {
      const stream = sessions[i % 10].request({ ':path': '/', ':authority': 'server', 'x-stall': '1' });
      const [head] = await once(stream, 'response');
      stream.resume();
      statuses.push(head[':status']);
    });
    await vi.waitFor(async () => expect(await mesh.metric('server', 'inbound_ext_authz_waiters')).toBe(250), 8000);
    await vi.waitFor(() => expect(statuses.length).toBe(350), 8000);
    expect(new Set(statuses)).toEqual(new Set([503]));
    expect((await ask({ 'x-word': 'please' }, '127.0.0.9')).status).toBe(200);
    expect((await ask({}, '127.0.0.9')).status).toBe(403);
    go();
    await Promise.all(told);
    for (const each of sessions) each.close();
    authorizer.decide = decide;
    expect(statuses.filter((status) => status === 403)).toHaveLength(250);
  },
  30_000,
);

vector(
  {
    who: 'mesh',
    attack:
      'as many requests as an authorizer is asked about at a time, which keep it busy, from one workload of the mesh',
    promise:
      'it has three quarters of the places, what goes beyond is refused, and others are asked about all the while',
  },
  async () => {
    mesh.apply(server(), asks({ failureMode: 'Open', headersToBackend: ['x-user', 'x-never'], timeout: '10s' }));
    await vi.waitFor(async () => {
      expect((await ask({ 'x-word': 'please', 'x-never': 'a' })).body).not.toContain('x-never');
    }, 8000);
    const { promise, resolve: go } = Promise.withResolvers<void>();
    const { decide } = authorizer;
    authorizer.decide = async (attributes) => {
      if (attributes.request?.http?.headers['x-stall'] !== undefined) await promise;
      return decide(attributes);
    };
    const refused = () => mesh.metric('server', 'proxy_client_refused_total', 'reason="checks"');
    const before = await refused();
    const sessions = Array.from({ length: 20 }, () => connect(`http://${mesh.ip('client')}:4140`));
    const statuses: number[] = [];
    const told = Array.from({ length: 1000 }, async (_, i) => {
      const stream = sessions[i % 20].request({ ':path': '/', ':authority': 'server.test:8080', 'x-stall': '1' });
      const [head] = await once(stream, 'response');
      stream.resume();
      statuses.push(head[':status']);
    });
    await vi.waitFor(async () => expect(await mesh.metric('server', 'inbound_ext_authz_waiters')).toBe(750), 8000);
    await vi.waitFor(() => expect(statuses.length).toBe(250), 8000);
    expect(new Set(statuses)).toEqual(new Set([503]));
    expect(await refused()).toBe(before + 250);
    expect((await askAs('neighbour', { 'x-word': 'please' })).status).toBe(200);
    expect((await askAs('neighbour')).status).toBe(403);
    expect((await ask({ 'x-word': 'please' })).status).toBe(200);
    go();
    await Promise.all(told);
    for (const each of sessions) each.close();
    authorizer.decide = decide;
    expect(statuses.filter((status) => status === 403)).toHaveLength(750);
  },
  30_000,
);

vector(
  {
    who: 'tenant',
    attack:
      'an object that names an authorizer of another namespace, or a second one for a Server that has one, to have nobody asked',
    promise: 'no Service is called that its namespace has not granted, and the older object holds, wrong or not',
  },
  async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', namespace: 'shop', labels: { app: 'server' } },
      spec: {},
    };
    const service = (namespace: string) => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'authorizer', namespace },
      spec: {},
    });
    const elsewhere = { backendRef: { name: 'authorizer', namespace: 'bank', port: 9191 } };
    const older = { ...asks({ ...elsewhere, timeout: '1h' }, 'shop', 'z') };
    const aged = { ...older, metadata: { ...older.metadata, creationTimestamp: '2020-01-01T00:00:00Z' } };
    const world = await PolicyWorld.start([
      pod,
      server('shop'),
      service('bank'),
      service('shop'),
      asks(elsewhere, 'shop'),
    ]);
    const seen = world.watchPort(8080);
    const told = () =>
      (seen.messages.at(-1) as { externalAuthorization?: { unusable?: string } }).externalAuthorization;
    await vi.waitFor(() => expect(told()?.unusable).toMatch(/^no ReferenceGrant in namespace bank/));
    world.write(
      pod,
      server('shop'),
      service('bank'),
      service('shop'),
      asks({ failureMode: 'Open' }, 'shop', 'a'),
      aged,
    );
    await vi.waitFor(() => expect(told()).toMatchObject({ unusable: expect.stringMatching(/^the object is wrong/) }));
    expect(told()).not.toHaveProperty('failOpen');
    await world.stop();
  },
  20_000,
);
