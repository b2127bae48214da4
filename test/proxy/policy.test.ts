import { Agent, createServer, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { TestMesh } from './test-mesh.ts';

/** What the server's sidecar lets in, as objects of policy say and change: real sidecars, a real control plane. */
let mesh: TestMesh;
const agent = new Agent({ keepAlive: true });

beforeAll(async () => {
  mesh = await TestMesh.start([
    { name: 'client' },
    { name: 'stranger' },
    { name: 'server', ports: [8080], probe: '/live' },
    { name: 'mail', ports: [2525], annotations: { 'config.tulle.dev/opaque-ports': '2525' } },
  ]);
  await mesh.serve(
    'server',
    8080,
    createServer((_incoming, response) => response.end('hello')),
  );
  await mesh.serveTcp('mail', 2525, (socket) => socket.pipe(socket));
  await mesh.ready();
}, 60_000);
afterAll(async () => {
  agent.destroy();
  await mesh.stop();
});
beforeEach(async () => {
  mesh.apply();
  await vi.waitFor(async () => expect((await ask('stranger', '/')).status).toBe(200), waiting);
});
afterEach(() => mesh.apply());

const waiting = { timeout: 5000, interval: 50 };
const group = 'policy.linkerd.io';
const object = (kind: string, name: string, spec: object) => ({
  apiVersion: `${group}/${kind === 'Server' || kind === 'HTTPRoute' ? 'v1beta3' : 'v1alpha1'}`,
  kind,
  metadata: { name, namespace: 'test' },
  spec,
});
const server = (name: string, port: number, spec: object = {}) =>
  object('Server', name, { podSelector: { matchLabels: { app: name } }, port, ...spec });
const allowClient = (targetRef: object) => [
  object('MeshTLSAuthentication', 'client', { identityRefs: [{ kind: 'ServiceAccount', name: 'client' }] }),
  object('AuthorizationPolicy', 'client-only', {
    targetRef,
    requiredAuthenticationRefs: [{ group, kind: 'MeshTLSAuthentication', name: 'client' }],
  }),
];
const serverRef = { group, kind: 'Server', name: 'server' };

interface Answer {
  status: number | undefined;
  headers: NodeJS.Dict<string | string[]>;
  /** Of the client's connection to its sidecar. */
  localPort: number | undefined;
}

function ask(from: string, path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return send({ host: mesh.ip(from), port: 4140, path, method, headers: { host: 'server.test:8080', ...headers } });
}

/** As the kubelet does: without TLS, to the sidecar's inbound port. */
function probe(path: string): Promise<Answer> {
  return send({ host: mesh.ip('server'), port: 4143, path, method: 'GET', headers: { host: 'server' } });
}

function send(options: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request({ ...options, agent }, (response) => {
      const { localPort } = response.socket;
      response.resume();
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, localPort }));
    })
      .on('error', reject)
      .end();
  });
}

/** A connection through the client's sidecar to the mail server, that echoes. */
async function tunnel(): Promise<{ socket: Socket; closed: Promise<void>; echo(text: string): Promise<void> }> {
  const socket = connect(4140, mesh.ip('client'));
  let read = '';
  socket.on('data', (chunk) => {
    read += chunk;
  });
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  socket.write('CONNECT mail.test:2525 HTTP/1.1\r\nhost: mail.test:2525\r\n\r\n');
  await vi.waitFor(() => expect(read).toMatch(/^HTTP\/1\.1 200 /), waiting);
  const echo = async (text: string): Promise<void> => {
    socket.write(text);
    await vi.waitFor(() => expect(read).toContain(text), waiting);
  };
  return { socket, closed, echo };
}

describe('HTTP', () => {
  it('a Server without authorizations refuses everybody but the probe, on connections that are open too', async () => {
    const before = await ask('client', '/');
    const denied = () => mesh.metric('server', 'inbound_http_authz_deny_total', 'srv_name="server"', 'tls="true"');
    const deniedBefore = await denied();
    mesh.apply(server('server', 8080));
    let after = before;
    await vi.waitFor(async () => {
      after = await ask('client', '/');
      expect(after.status).toBe(403);
    }, waiting);
    expect(after.localPort).toBe(before.localPort);
    expect(after.headers['l5d-proxy-error']).toBe('its proxy failed it: the client is not authorized');
    expect((await probe('/')).headers).not.toHaveProperty('l5d-proxy-error');
    expect(await denied()).toBeGreaterThan(deniedBefore);
    expect((await ask('stranger', '/')).status).toBe(403);
    expect(await Promise.all(['/live', '/live?verbose', '/'].map(async (path) => (await probe(path)).status))).toEqual([
      200, 200, 403,
    ]);
    const allowed = await mesh.metric(
      'server',
      'inbound_http_authz_allow_total',
      'authz_name="probe"',
      'route_name="probe"',
    );
    expect(allowed).toBeGreaterThanOrEqual(2);
    expect(mesh.log('server', 'tulle-proxy')).toMatch(/request denied .*server=policy.linkerd.io\/server\/server/);
  });

  it('an identity that is allowed passes, another does not, and an allowance that is taken back ends', async () => {
    const objects = [server('server', 8080), ...allowClient(serverRef)];
    mesh.apply(...objects);
    await vi.waitFor(async () => expect((await ask('stranger', '/')).status).toBe(403), waiting);
    expect((await ask('client', '/')).status).toBe(200);
    expect(
      await mesh.metric(
        'server',
        'inbound_http_authz_allow_total',
        'authz_group="policy.linkerd.io"',
        'authz_kind="authorizationpolicy"',
        'authz_name="client-only"',
        'client_id="client.test.serviceaccount.identity.tulle.cluster.local"',
      ),
    ).toBeGreaterThan(0);
    mesh.apply(objects[0]);
    await vi.waitFor(async () => expect((await ask('client', '/')).status).toBe(403), waiting);
  });

  it('gRPC is refused with PERMISSION_DENIED', async () => {
    mesh.apply(server('server', 8080));
    await vi.waitFor(async () => {
      const { status, headers } = await ask('client', '/a.B/C', { 'content-type': 'application/grpc' }, 'POST');
      expect([status, headers['grpc-status']]).toEqual([200, '7']);
    }, waiting);
  });

  it('a route has authorizations of its own; what fits no route is not found, probes neither', async () => {
    const route = object('HTTPRoute', 'api', {
      parentRefs: [serverRef],
      rules: [
        {
          matches: [
            { path: { type: 'PathPrefix', value: '/api' }, headers: [{ name: 'X-Tier', value: 'gold' }] },
            { path: { type: 'RegularExpression', value: '/v\\d+' }, queryParams: [{ name: 'q', value: '1' }] },
          ],
        },
      ],
    });
    mesh.apply(server('server', 8080), route, ...allowClient({ group, kind: 'HTTPRoute', name: 'api' }));
    await vi.waitFor(async () => expect((await ask('client', '/')).status).toBe(404), waiting);
    const gold = { 'x-tier': 'gold' };
    const statuses = await Promise.all([
      ask('client', '/api/x', gold),
      ask('client', '/api/x'),
      ask('client', '/v12?p=0&q=1'),
      ask('client', '/v12?q=2'),
      ask('stranger', '/api/x', gold),
      probe('/live'),
    ]);
    expect(statuses.map(({ status }) => status)).toEqual([200, 404, 200, 404, 403, 404]);
    const notFound = mesh.metric('server', 'inbound_http_route_not_found_total', 'srv_name="server"');
    expect(await notFound).toBeGreaterThanOrEqual(4);
    const denied = mesh.metric('server', 'inbound_http_authz_deny_total', 'route_kind="HTTPRoute"', 'route_name="api"');
    expect(await denied).toBe(1);
  });

  it('an audit lets in and tells of those that nothing else lets in', async () => {
    mesh.apply(server('server', 8080, { accessPolicy: 'audit' }), ...allowClient(serverRef));
    const allowed = (name: string) =>
      mesh.metric('server', 'inbound_http_authz_allow_total', 'srv_name="server"', `authz_name="${name}"`);
    await vi.waitFor(async () => {
      expect((await ask('stranger', '/')).status).toBe(200);
      expect(await allowed('audit')).toBeGreaterThan(0);
    }, waiting);
    const before = await Promise.all([allowed('audit'), allowed('client-only')]);
    await ask('client', '/');
    await ask('stranger', '/');
    expect(await Promise.all([allowed('audit'), allowed('client-only')])).toEqual(before.map((count) => count + 1));
    expect(mesh.log('server', 'tulle-proxy')).toMatch(/request allowed .*client_id=stranger\..*authz=default\/audit/);
  });
});

describe('TCP', () => {
  it('is authorized when it is accepted, and ended when it is not any more', async () => {
    const count = (name: string) => mesh.metric('mail', `inbound_tcp_authz_${name}_total`, 'srv_name="mail"');
    const before = await tunnel();
    await before.echo('before the policy');
    mesh.apply(
      server('mail', 2525, { proxyProtocol: 'opaque' }),
      ...allowClient({ group, kind: 'Server', name: 'mail' }),
    );
    await vi.waitFor(async () => {
      const allowed = await tunnel();
      await allowed.echo('allowed');
      allowed.socket.destroy();
      expect(await count('allow')).toBeGreaterThan(0);
    }, waiting);
    await before.echo('still allowed');

    mesh.apply(server('mail', 2525, { proxyProtocol: 'opaque' }));
    await before.closed;
    expect(await count('terminate')).toBe(1);
    const refused = await tunnel();
    refused.socket.write('refused');
    await refused.closed;
    expect(await count('deny')).toBeGreaterThan(0);
  });
});
