import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { connect } from 'node:net';
import { status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { Issuer } from '../../proxy/tokens/testing/issuer.ts';
import { Authorizer, allowed, denied, grpcError } from './authorizer.ts';
import { TestMesh } from './test-mesh.ts';

/** Requests that an authorizer is asked about: real sidecars, a real control plane, an authorizer on @grpc/grpc-js. */
let mesh: TestMesh;
let session: ClientHttp2Session;
const authorizer = new Authorizer();
const agent = new Agent({ keepAlive: true, maxSockets: 8 });
/** Requests that the application has had. */
let served = 0;

beforeAll(async () => {
  mesh = await TestMesh.start([
    { name: 'client' },
    { name: 'server', ports: [8080, 9090], probe: '/live' },
    { name: 'authorizer', ports: [9191, 9192, 9193] },
    { name: 'absent', ports: [9194] },
  ]);
  await mesh.serve(
    'server',
    8080,
    createServer((incoming, response) => {
      served++;
      const hash = createHash('sha256');
      let bytes = 0;
      incoming.on('data', (chunk) => {
        bytes += chunk.length;
        hash.update(chunk);
      });
      incoming.on('end', () => {
        const { url, rawHeaders, rawTrailers } = incoming;
        const seen: Seen = { url, rawHeaders, rawTrailers, bytes, sha256: hash.digest('hex') };
        response.setHeader('x-app', 'own');
        response.end(JSON.stringify(seen));
      });
    }).on('upgrade', (_, socket) => {
      socket.on('error', () => {});
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n');
      socket.pipe(socket);
    }),
  );
  const grpc = createHttp2Server((incoming, response) => {
    const hash = createHash('sha256');
    incoming.on('data', (chunk) => hash.update(chunk));
    incoming.on('end', () => {
      response.writeHead(200, { 'content-type': 'application/grpc', 'x-user-seen': incoming.headers['x-user'] ?? '' });
      response.addTrailers({ 'grpc-status': '0', 'x-sha256': hash.digest('hex') });
      response.end();
    });
  });
  await mesh.serve('server', 9090, grpc);
  await authorizer.listen(mesh.ip('authorizer'), 9191);
  // One that has the wrong idea of what it is: garbage, or an answer without end.
  const broken = createHttp2Server((incoming, response) => {
    incoming.resume();
    response.on('error', () => {});
    const kind = incoming.headers['x-kind'] ?? brokenAs;
    if (kind === 'html') response.end('<html>');
    else if (kind === 'error') response.writeHead(500).end();
    else {
      response.writeHead(200, { 'content-type': 'application/grpc' });
      const bytes = kind === 'garbage' ? Buffer.from([0, 0, 0, 0, 3, 0xff, 0xff, 0xff]) : Buffer.alloc(64 * 1024, 0);
      if (kind === 'endless') {
        bytes.writeUInt32BE(0x7fff_ffff, 1);
        const more = (): void => {
          while (!response.destroyed && response.write(bytes)) {}
          if (!response.destroyed) response.once('drain', more);
        };
        more();
        return;
      }
      if (kind === 'twice') response.write(Buffer.alloc(5));
      if (kind !== 'nothing') response.write(kind === 'garbage' ? bytes : Buffer.alloc(5));
      response.addTrailers({ 'grpc-status': '0' });
      response.end();
    }
  });
  await mesh.serve('authorizer', 9192, broken);
  // Takes connections and says nothing.
  await mesh.serveTcp('authorizer', 9193, (socket) => socket.resume());
  // There when the mesh starts, and away after that.
  const atFirst = new Authorizer();
  await atFirst.listen(mesh.ip('absent'), 9194);
  await mesh.ready();
  atFirst.stop();
  session = connectHttp2(`http://${mesh.ip('client')}:4140`);
}, 60_000);
afterAll(async () => {
  agent.destroy();
  session?.close();
  authorizer.stop();
  await mesh?.stop();
});
let brokenAs = '';
beforeEach(async () => {
  authorizer.decide = () => denied();
  mesh.apply();
  await until(200);
  await vi.waitFor(async () => expect(await call()).toMatchObject({ 'grpc-status': '0' }), waiting);
  authorizer.reset();
});
afterEach(() => mesh.apply());

const waiting = { timeout: 8000, interval: 50 };
const group = 'policy.linkerd.io';
const meta = (name: string) => ({ name, namespace: 'test' });
const server = (port = 8080, name = `server-${port}`, spec: object = {}) => ({
  apiVersion: `${group}/v1beta3`,
  kind: 'Server',
  metadata: meta(name),
  spec: { podSelector: { matchLabels: { app: 'server' } }, port, accessPolicy: 'all-unauthenticated', ...spec },
});
const asks = (spec: object = {}, { port = 9191, name = 'opa' } = {}) => ({
  apiVersion: 'tulle.dev/v1alpha1',
  kind: 'ExternalAuthorization',
  metadata: meta(name),
  spec: {
    targetRef: { group, kind: 'Server', name: 'server-8080' },
    backendRef: { name: port === 9194 ? 'absent' : 'authorizer', port },
    timeout: '2s',
    ...spec,
  },
});
const route = (name: string, value: string) => ({
  apiVersion: `${group}/v1beta3`,
  kind: 'HTTPRoute',
  metadata: meta(name),
  spec: {
    parentRefs: [{ group, kind: 'Server', name: 'server-8080' }],
    rules: [{ matches: [{ path: { type: 'PathPrefix', value } }] }],
  },
});

interface Seen {
  readonly url: string | undefined;
  readonly rawHeaders: readonly string[];
  readonly rawTrailers: readonly string[];
  readonly bytes: number;
  readonly sha256: string;
}
interface Told {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}
interface Asking {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: Buffer;
  readonly trailers?: Record<string, string>;
}

function ask({ method, path = '/', headers = {}, body, trailers }: Asking = {}): Promise<Told> {
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        ...{
          host: mesh.ip('client'),
          port: 4140,
          path,
          agent,
          method: method ?? (body === undefined ? 'GET' : 'POST'),
        },
        headers: { host: 'server.test:8080', ...headers },
      },
      (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: text }));
        response.on('error', reject);
      },
    );
    asked.on('error', reject);
    if (trailers !== undefined) asked.addTrailers(trailers);
    asked.end(body);
  });
}

/** A request over HTTP/2, on one connection for all of a file. */
function askHttp2(headers: Record<string, string> = {}, body?: Buffer) {
  return new Promise<Record<string, unknown> & { body: string }>((resolve, reject) => {
    const stream = session.request({
      ...{ ':method': body === undefined ? 'GET' : 'POST', ':path': '/', ':authority': 'server.test:8080' },
      ...headers,
    });
    const said: Record<string, unknown> & { body: string } = { body: '' };
    stream.on('response', (head) => Object.assign(said, head));
    stream.on('trailers', (trailers) => Object.assign(said, trailers));
    stream.on('data', (chunk) => {
      said.body += chunk;
    });
    stream.on('error', reject);
    stream.on('end', () => resolve(said));
    stream.end(body);
  });
}
const call = (headers: Record<string, string> = {}, body = Buffer.alloc(5)) =>
  askHttp2(
    {
      ...{ ':path': '/a.B/C', ':authority': 'server.test:9090', 'content-type': 'application/grpc', te: 'trailers' },
      ...headers,
    },
    body,
  );

const statusOf = async (asking: Asking = {}) => (await ask(asking)).status;
const until = (expected: number, asking: Asking = {}) =>
  vi.waitFor(async () => expect(await statusOf(asking)).toBe(expected), waiting);
/** The same for the port that speaks HTTP/2. */
const ofCalls = asks({ targetRef: { group, kind: 'Server', name: 'grpc' }, timeout: '10s' }, { name: 'calls' });
/** Until the authorizer is asked. */
const inForce = async (...objects: object[]): Promise<void> => {
  mesh.apply(server(), ...objects);
  authorizer.decide = () => denied({ status: { code: 418 } });
  await until(418);
  if (objects.includes(ofCalls)) {
    await vi.waitFor(async () => expect(await call()).toMatchObject({ 'grpc-status': '2' }), waiting);
  }
  authorizer.reset();
};
const seenBy = ({ body }: Told) => JSON.parse(body) as Seen;
const headersOf = ({ rawHeaders }: Seen): Record<string, string> =>
  Object.fromEntries(rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name.toLowerCase(), rawHeaders[i + 1]]] : [])));
const decided = (decision: string) =>
  mesh.metric('server', 'inbound_http_ext_authz_total', `decision="${decision}"`, 'ext_authz_name="opa"');

it('an authorizer is asked by the identity of its workload, and told who asks for what', async () => {
  await inForce(asks({ contextExtensions: { tenant: 'shop' } }));
  const before = await decided('allowed');
  const { status: code } = await ask({ path: '/a%20b?c=d', headers: { 'x-request-id': 'r-1', cookie: 'a=1' } });
  expect(code).toBe(200);
  const [{ source, destination, request: told, contextExtensions }] = authorizer.asked;
  const identity = (name: string) => `${name}.test.serviceaccount.identity.tulle.cluster.local`;
  expect(source).toMatchObject({ principal: identity('client') });
  expect(source?.address?.socketAddress?.portValue).toBeGreaterThan(0);
  expect(destination).toMatchObject({
    principal: identity('server'),
    address: { socketAddress: { address: mesh.ip('server'), portValue: 8080 } },
  });
  expect(told?.http).toMatchObject({
    ...{ id: 'r-1', method: 'GET', path: '/a%20b?c=d', host: 'server.test:8080', protocol: 'HTTP/1.1', size: 0n },
    headers: { 'x-request-id': 'r-1', cookie: 'a=1' },
  });
  expect(Object.keys(told!.http!.headers).filter((name) => name.startsWith('l5d'))).toEqual([]);
  expect(Math.abs(Number(told!.time!.seconds) - Date.now() / 1000)).toBeLessThan(60);
  expect(contextExtensions).toEqual({ tenant: 'shop' });
  expect(await decided('allowed')).toBe(before + 1);
  const asker = `client_id="${identity('server')}"`;
  expect(await mesh.metric('authorizer', 'request_total', 'direction="inbound"', asker)).toBeGreaterThan(0);
});

it('headers that may be set are, those that clients write there are not, and what is named is taken off', async () => {
  await inForce(asks({ headersToBackend: ['x-user'] }));
  const forged = { 'x-user': 'root', X_USER: 'root', 'x.user': 'root', 'transfer-encoding': 'chunked' };
  const ofClient: Asking = { headers: forged, body: Buffer.from('x'), trailers: { 'x-user': 'root', 'x-sum': 'kept' } };
  const anonymous = seenBy(await ask(ofClient));
  expect(JSON.stringify(anonymous)).not.toContain('root');
  expect(anonymous.rawTrailers).toEqual(['x-sum', 'kept']);
  authorizer.decide = () =>
    allowed({
      headers: [
        { header: { key: 'X-User', value: 'änn' } },
        { header: { key: 'x-other', value: 'no' } },
        { header: { key: 'l5d-client-id', value: 'no' } },
      ],
      headersToRemove: ['authorization', 'host'],
      responseHeadersToAdd: [
        { header: { key: 'x-app', value: 'mesh' }, append: false },
        { header: { key: 'set-cookie', value: 'a=1' } },
        { header: { key: 'set-cookie', value: 'b=2' } },
      ],
    });
  const told = await ask({ ...ofClient, headers: { ...forged, authorization: 'secret', 'x-kept': 'yes' } });
  const headers = headersOf(seenBy(told));
  expect(JSON.stringify(headers)).not.toMatch(/root|secret|"no"/);
  expect(headers).toMatchObject({ host: 'server.test:8080', 'x-kept': 'yes' });
  expect(Buffer.from(headers['x-user'], 'latin1').toString()).toBe('änn');
  expect(told.headers).toMatchObject({ 'x-app': 'mesh', 'set-cookie': ['a=1', 'b=2'] });
  expect(await mesh.metric('server', 'inbound_http_ext_authz_fields_left_out_total')).toBeGreaterThanOrEqual(3);
});

it('what a token tells stands in its header for the authorizer and behind it, until that writes there itself', async () => {
  const issuer = new Issuer('https://issuer.test', 'RS256');
  const users = {
    apiVersion: 'tulle.dev/v1alpha1',
    kind: 'RequestAuthentication',
    metadata: meta('users'),
    spec: {
      targetRef: { group, kind: 'Server', name: 'server-8080' },
      jwtRules: [
        { issuer: issuer.name, jwks: issuer.jwks, outputClaimToHeaders: [{ header: 'x-user', claim: 'sub' }] },
      ],
    },
  };
  const authorization = `Bearer ${await issuer.token({ sub: 'ann' })}`;
  const headers = { authorization, 'x-user': 'root', X_USER: 'root' };
  mesh.apply(server(), users, asks({ headersToBackend: ['x-user'] }));
  authorizer.decide = () => denied({ status: { code: 418 } });
  await until(418, { headers });
  authorizer.reset();
  expect(headersOf(seenBy(await ask({ headers })))).toMatchObject({ 'x-user': 'ann' });
  expect(authorizer.asked[0].request?.http?.headers).toMatchObject({ 'x-user': 'ann' });
  authorizer.decide = () => allowed({ headers: [{ header: { key: 'x-user', value: 'bob' } }] });
  const told = seenBy(await ask({ headers }));
  expect(headersOf(told)).toMatchObject({ 'x-user': 'bob' });
  expect(JSON.stringify(told)).not.toMatch(/root|ann"/);
});

it('a preflight that goes on to the application since a header of it is taken away is asked about', async () => {
  const cors = { type: 'CORS', cors: { allowOrigins: ['https://shop.test'] } };
  const shop = route('shop', '/');
  const withCors = {
    ...shop,
    apiVersion: 'gateway.networking.k8s.io/v1',
    spec: { ...shop.spec, rules: [{ ...shop.spec.rules[0], filters: [cors] }] },
  };
  await inForce(withCors, asks({ headersToBackend: ['origin'] }));
  const headers = { origin: 'https://shop.test', 'access-control-request-method': 'PUT' };
  authorizer.decide = () => denied();
  await until(403, { headers });
  const before = served;
  expect(await statusOf({ method: 'OPTIONS', headers })).toBe(403);
  expect(served).toBe(before);
});

it('what is refused may be read by scripts of the sites that the route lets read it, whoever refuses it', async () => {
  const cors = { type: 'CORS', cors: { allowOrigins: ['https://shop.test'], allowCredentials: true } };
  const shop = route('shop', '/');
  const withCors = {
    ...shop,
    apiVersion: 'gateway.networking.k8s.io/v1',
    spec: { ...shop.spec, rules: [{ ...shop.spec.rules[0], filters: [cors] }] },
  };
  await inForce(withCors, asks());
  const headers = { origin: 'https://shop.test' };
  const permitted = { 'access-control-allow-origin': headers.origin, 'access-control-allow-credentials': 'true' };
  // What the authorizer says of it is not for it to say, as it is not for the application.
  const own = [{ header: { key: 'access-control-allow-origin', value: 'https://evil.test' } }];
  authorizer.decide = () => denied({ status: { code: 401 }, headers: own, body: 'who?' });
  await vi.waitFor(async () => expect((await ask({ headers })).headers).toMatchObject(permitted), waiting);
  expect(await ask({ headers })).toMatchObject({ status: 401, body: 'who?', headers: { vary: 'origin' } });
  expect(await askHttp2(headers)).toMatchObject({ ':status': 401, ...permitted });
  const other = (await ask({ headers: { origin: 'https://evil.test' } })).headers;
  expect(other).not.toHaveProperty('access-control-allow-origin');
  authorizer.decide = () => ({ status: { code: 99 } });
  expect(await ask({ headers })).toMatchObject({ status: 403, headers: permitted });
});

it('what is refused is answered as the authorizer says, in HTTP/1, HTTP/2 and gRPC, and reaches nobody', async () => {
  await inForce(asks(), server(9090, 'grpc'), ofCalls);
  const value = {
    status: { code: 401 },
    headers: [{ header: { key: 'www-authenticate', value: 'Basic' } }],
    body: 'who?',
  };
  authorizer.decide = () => denied(value);
  const before = served;
  const http1 = await ask({ body: Buffer.alloc(100_000) });
  expect(http1).toMatchObject({ status: 401, body: 'who?', headers: { 'www-authenticate': 'Basic' } });
  expect(http1.headers).toMatchObject({ 'content-type': 'text/plain; charset=utf-8', 'content-length': '4' });
  expect(await ask({ method: 'HEAD' })).toMatchObject({ status: 401, body: '' });
  expect(await askHttp2()).toMatchObject({ ':status': 401, body: 'who?', 'www-authenticate': 'Basic' });
  expect(await call()).toMatchObject({ ':status': 200, 'grpc-status': '16', 'grpc-message': 'who?', body: '' });
  authorizer.decide = () => ({ status: { code: 7 } });
  expect(await ask()).toMatchObject({ status: 403, body: '' });
  expect(await call()).toMatchObject({ 'grpc-status': '7' });
  authorizer.decide = () => allowed({ headers: [{ header: { key: 'x-user', value: 'ann' } }] });
  expect(await call()).toMatchObject({ 'grpc-status': '0', 'x-user-seen': '' });
  expect(served).toBe(before);
});

it('a body waits for the answer and arrives whole, with the client held back meanwhile', async () => {
  await inForce(asks({ timeout: '5s' }), server(9090, 'grpc'), ofCalls);
  const { promise, resolve: letIn } = Promise.withResolvers<void>();
  authorizer.decide = async () => {
    await promise;
    return allowed();
  };
  const body = Buffer.alloc(10 * 1024 * 1024, 'abcdefghijklmnopqrstuvwxyz0123456789-');
  const before = served;
  const pending = Promise.all([ask({ body }), ask({ body })]);
  const ofHttp2 = call({}, body);
  await vi.waitFor(() => expect(authorizer.asked).toHaveLength(3), waiting);
  expect(await mesh.metric('server', 'inbound_ext_authz_waiters')).toBe(3);
  expect(served).toBe(before);
  letIn();
  const sha256 = createHash('sha256').update(body).digest('hex');
  for (const told of await pending) expect(seenBy(told)).toMatchObject({ bytes: body.length, sha256 });
  expect(await ofHttp2).toMatchObject({ 'grpc-status': '0', 'x-sha256': sha256 });
});

it('an upgrade is asked about once, and then both sides speak as they like', async () => {
  await inForce(asks());
  const upgrade = () =>
    new Promise<string>((resolve, reject) => {
      const asked = request({
        ...{ host: mesh.ip('client'), port: 4140, agent: false },
        headers: { host: 'server.test:8080', connection: 'upgrade', upgrade: 'echo' },
      });
      asked.on('upgrade', (_, socket) => {
        let said = '';
        socket.on('data', (chunk) => {
          said += chunk;
          if (said.length < 6) socket.write('b'.repeat(3));
          else {
            socket.destroy();
            resolve(said);
          }
        });
        socket.write('aaa');
      });
      asked.on('response', (response) => resolve(`${response.resume().statusCode}`));
      asked.on('error', reject);
      asked.end();
    });
  expect(await upgrade()).toBe('aaabbb');
  expect(authorizer.asked.map(({ request: told }) => told?.http?.headers['upgrade'])).toEqual([undefined]);
  authorizer.decide = () => denied({ status: { code: 401 } });
  expect(await upgrade()).toBe('401');
});

it('a client that waits for 100 is told to go on once the authorizer has let it in', async () => {
  await inForce(asks());
  const expectant = (refused: boolean) =>
    new Promise<string>((resolve) => {
      authorizer.decide = () => (refused ? denied() : allowed());
      const asked = request({
        ...{ host: mesh.ip('client'), port: 4140, agent: false, method: 'POST' },
        headers: { host: 'server.test:8080', expect: '100-continue', 'content-length': '3' },
      });
      let told = '';
      asked.on('continue', () => {
        told += 'continue ';
        asked.end('abc');
      });
      asked.on('response', (response) => {
        resolve(told + response.statusCode);
        asked.destroy();
      });
      asked.on('error', () => {});
      asked.flushHeaders();
    });
  expect(await expectant(false)).toBe('continue 200');
  expect(await expectant(true)).toBe('403');
});

const broken = (kind: string) => () => {
  brokenAs = kind;
};
const answers = (answer: ReturnType<Authorizer['decide']>) => () => {
  authorizer.decide = () => answer;
};
it.each([
  ['an error of gRPC', 9191, answers(grpcError(status.INTERNAL)), 'it answers with gRPC status 13'],
  ['an answer that comes too late', 9191, answers(new Promise(() => {})), 'no answer in 300 ms'],
  ['silence where it listens', 9193, () => {}, 'no answer in 300 ms'],
  ['nobody there', 9194, () => {}, '(no answer in|no endpoint became ready|connecting to the endpoint failed)'],
  ['a page', 9192, broken('html'), 'it does not speak gRPC'],
  ['an error of HTTP', 9192, broken('error'), 'it answers with HTTP status 500'],
  ['garbage', 9192, broken('garbage'), 'the answer is no CheckResponse'],
  ['an answer without end', 9192, broken('endless'), 'it sends a message of 2147483647 bytes'],
  ['two answers', 9192, broken('twice'), 'it answers more than once'],
  ['no answer', 9192, broken('nothing'), 'it answers nothing'],
  [
    'a change of the query',
    9191,
    answers(allowed({ queryParametersToSet: [{ key: 'a', value: 'b' }] })),
    'the answer changes the query',
  ],
] as const)('%s of an authorizer shuts, or lets in where that is written', async (what, port, arrange, why) => {
  arrange();
  for (const failureMode of ['Closed', 'Open'] as const) {
    const name = `${what} ${failureMode}`.toLowerCase().replaceAll(' ', '-');
    mesh.apply(server(), asks({ failureMode, timeout: '300ms' }, { port, name }));
    const decision = failureMode === 'Closed' ? 'failed_closed' : 'failed_open';
    await vi.waitFor(async () => {
      const told = await ask();
      const labels = [`decision="${decision}"`, `ext_authz_name="${name}"`];
      expect(await mesh.metric('server', 'inbound_http_ext_authz_total', ...labels)).toBeGreaterThan(0);
      expect(told.status).toBe(failureMode === 'Closed' ? 403 : 200);
      const expected = new RegExp(`the authorizer has not said whether the request may come in: ${why}`);
      if (failureMode === 'Closed') expect(told.headers['l5d-proxy-error']).toMatch(expected);
    }, waiting);
  }
  expect(mesh.log('server', 'tulle-proxy')).toMatch(/external authorization failed .* decision=failed_\w+ why=/);
  expect(await mesh.metric('server', 'inbound_http_errors_total', 'error="ext authz"')).toBeGreaterThan(0);
});

it('a client that leaves while it is asked takes its question with it', async () => {
  await inForce(asks({ timeout: '10s' }));
  authorizer.decide = () => new Promise(() => {});
  const before = served;
  const leaving = Array.from({ length: 5 }, () => {
    const asked = request({
      ...{ host: mesh.ip('client'), port: 4140, agent: false, method: 'POST' },
      headers: { host: 'server.test:8080' },
    });
    asked.on('error', () => {});
    asked.write('x');
    return asked;
  });
  await vi.waitFor(() => expect(authorizer.asked).toHaveLength(5), waiting);
  for (const each of leaving) each.destroy();
  await vi.waitFor(() => expect(authorizer.cancelled).toBe(5), waiting);
  await vi.waitFor(async () => expect(await mesh.metric('server', 'inbound_ext_authz_waiters')).toBe(0), waiting);
  expect(served).toBe(before);
});

it('objects that come, change and go hold for connections that are open', async () => {
  const connection = new Agent({ keepAlive: true, maxSockets: 1 });
  const tell = () =>
    new Promise<number | undefined>((resolve, reject) => {
      const at = { host: mesh.ip('client'), port: 4140, agent: connection, headers: { host: 'server.test:8080' } };
      request(at, (response) => {
        response.resume().on('end', () => resolve(response.statusCode));
      })
        .on('error', reject)
        .end();
    });
  const becomes = (code: number) => vi.waitFor(async () => expect(await tell()).toBe(code), waiting);
  authorizer.decide = ({ contextExtensions }) => denied({ status: { code: Number(contextExtensions['code']) } });
  expect(await tell()).toBe(200);
  for (const code of ['409', '410', '411']) {
    mesh.apply(server(), asks({ contextExtensions: { code } }));
    await becomes(Number(code));
  }
  mesh.apply(server());
  await becomes(200);
  mesh.apply(server(), asks({ backendRef: { name: 'nobody', port: 1 } }));
  await becomes(403);
  mesh.apply(server(), asks({ backendRef: { name: 'nobody', port: 1 }, failureMode: 'Open' }));
  await becomes(200);
  mesh.apply(server(), asks({ failureMode: 'Open', timeout: '1h' }));
  await becomes(403);
  connection.destroy();
});

it('a route asks besides its Server, after it, in each way that its path may be read', async () => {
  const ofRoute = asks(
    { targetRef: { group, kind: 'HTTPRoute', name: 'admin' }, contextExtensions: { of: 'route' } },
    { name: 'admin' },
  );
  await inForce(route('all', '/'), route('admin', '/admin'), asks({ contextExtensions: { of: 'server' } }), ofRoute);
  authorizer.decide = ({ contextExtensions }) => (contextExtensions['of'] === 'route' ? denied() : allowed());
  await until(403, { path: '/admin' });
  expect(authorizer.asked.at(-1)?.contextExtensions).toEqual({ of: 'route' });
  expect(authorizer.asked.at(-2)?.contextExtensions).toEqual({ of: 'server' });
  const paths = ['/', '/x/../admin', '/admin/../x', '//admin', '/ADMIN'];
  expect(await Promise.all(paths.map((path) => statusOf({ path })))).toEqual([200, 403, 403, 403, 403]);
});

it('the kubelet is let in without a question, and what is no HTTP is not', async () => {
  await inForce(asks());
  authorizer.decide = () => denied();
  const probe = (path: string) =>
    new Promise((resolve) => {
      const at = { host: mesh.ip('server'), port: 4143, path, agent: false, headers: { host: 'server' } };
      request(at, (response) => resolve(response.resume().statusCode)).end();
    });
  expect([await probe('/live'), await probe('/live/x')]).toEqual([200, 403]);
  const socket = connect(4143, mesh.ip('server'), () => socket.write('\0\x01\x02\x03 no HTTP\r\n\r\n'));
  await new Promise((resolve) => socket.on('error', () => {}).on('close', resolve));
});

it('an authorizer that is to be asked about its own calls is asked by nobody', async () => {
  const loop = { apiVersion: `${group}/v1beta3`, kind: 'Server', metadata: meta('loop') };
  const spec = { podSelector: { matchLabels: { app: 'authorizer' } }, port: 9191, accessPolicy: 'all-unauthenticated' };
  const ofItself = asks({ targetRef: { group, kind: 'Server', name: 'loop' } }, { name: 'loop' });
  await inForce(asks());
  mesh.apply(server(), asks(), { ...loop, spec }, ofItself);
  await until(403);
  await vi.waitFor(async () => {
    expect(await mesh.metric('authorizer', 'inbound_http_errors_total', 'error="gateway loop"')).toBeGreaterThan(0);
  }, waiting);
});

it('more requests than are asked about at a time are refused at once, and nothing is left of them', async () => {
  await inForce(asks(), server(9090, 'grpc'), ofCalls);
  const { promise, resolve: letIn } = Promise.withResolvers<void>();
  authorizer.decide = async () => {
    await promise;
    return allowed();
  };
  const sessions = Array.from({ length: 40 }, () => connectHttp2(`http://${mesh.ip('client')}:4140`));
  const statuses: Record<number, number> = {};
  const answers = Array.from({ length: 10_000 }, async (_, i) => {
    const stream = sessions[i % sessions.length].request({ ':path': '/', ':authority': 'server.test:9090' });
    stream.on('error', () => {});
    const [head] = await once(stream, 'response');
    stream.resume();
    const code = head[':status'] as number;
    statuses[code] = (statuses[code] ?? 0) + 1;
  });
  await vi.waitFor(async () => expect(await mesh.metric('server', 'inbound_ext_authz_waiters')).toBe(1000), {
    timeout: 20_000,
    interval: 100,
  });
  await vi.waitFor(async () => {
    expect(await mesh.metric('server', 'inbound_http_errors_total', 'error="ext authz overload"')).toBeGreaterThan(0);
  }, waiting);
  letIn();
  await Promise.all(answers);
  for (const each of sessions) each.close();
  expect(Object.keys(statuses).sort()).toEqual(['200', '503']);
  expect(statuses[200]).toBeGreaterThanOrEqual(1000);
  await until(200);
}, 60_000);

it('an authorizer that is gone and comes back is asked again', async () => {
  const second = new Authorizer();
  await second.listen(mesh.ip('absent'), 9194);
  second.decide = () => denied({ status: { code: 418 } });
  mesh.apply(server(), asks({}, { port: 9194 }));
  await until(418);
  second.stop();
  await until(403);
  const third = new Authorizer();
  await third.listen(mesh.ip('absent'), 9194);
  await until(200);
  third.stop();
});
