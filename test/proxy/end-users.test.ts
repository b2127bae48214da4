import { Agent, createServer, request } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { Issuer } from '../../proxy/tokens/testing/issuer.ts';
import { TestMesh } from './test-mesh.ts';

/** Tokens of end users at the server's sidecar, as objects say: real sidecars, a real control plane, real keys. */
let mesh: TestMesh;
const agent = new Agent({ keepAlive: true, maxSockets: 4 });
const issuer = new Issuer('https://issuer.test', 'RS256');
const other = new Issuer('https://other.test', 'EdDSA', 'k2');
const aud = 'shop';

beforeAll(async () => {
  mesh = await TestMesh.start([{ name: 'client' }, { name: 'server', ports: [8080, 9090], probe: '/live' }]);
  await mesh.serve(
    'server',
    8080,
    createServer((incoming, response) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk) => chunks.push(chunk));
      incoming.on('end', () => {
        const { url, rawHeaders, rawTrailers } = incoming;
        const body = Buffer.concat(chunks).toString('base64');
        response.end(JSON.stringify({ url, rawHeaders, rawTrailers, body } satisfies Seen));
      });
    }),
  );
  const grpc = createHttp2Server((incoming, response) => {
    incoming.resume();
    incoming.on('end', () => {
      response.writeHead(200, { 'content-type': 'application/grpc', 'x-user-seen': incoming.headers['x-user'] ?? '' });
      response.addTrailers({ 'grpc-status': '0' });
      response.end();
    });
  });
  await mesh.serve('server', 9090, grpc);
  await mesh.ready();
}, 60_000);
afterAll(async () => {
  agent.destroy();
  await mesh.stop();
});
beforeEach(async () => {
  mesh.apply();
  await until(200);
});
afterEach(() => mesh.apply());

const waiting = { timeout: 8000, interval: 50 };
const policyGroup = 'policy.linkerd.io';
const meta = (name: string) => ({ name, namespace: 'test' });
const server = (port = 8080, name = `server-${port}`, spec: object = {}) => ({
  apiVersion: `${policyGroup}/v1beta3`,
  kind: 'Server',
  metadata: meta(name),
  spec: { podSelector: { matchLabels: { app: 'server' } }, port, accessPolicy: 'all-unauthenticated', ...spec },
});
const route = (name: string, ...matches: object[]) => ({
  apiVersion: `${policyGroup}/v1beta3`,
  kind: 'HTTPRoute',
  metadata: meta(name),
  spec: { parentRefs: [{ group: policyGroup, kind: 'Server', name: 'server-8080' }], rules: [{ matches }] },
});
const users = (name: string, spec: object, target: object = {}) => ({
  apiVersion: 'tulle.dev/v1alpha1',
  kind: 'RequestAuthentication',
  metadata: meta(name),
  spec: { targetRef: { group: policyGroup, kind: 'Server', name: 'server-8080', ...target }, ...spec },
});
const rule = (of: Issuer, more: object = {}) => ({ issuer: of.name, audiences: [aud], jwks: of.jwks, ...more });
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

interface Seen {
  readonly url: string | undefined;
  readonly rawHeaders: readonly string[];
  readonly rawTrailers: readonly string[];
  readonly body: string;
}
interface Answer {
  readonly status: number | undefined;
  readonly challenge: string | undefined;
  readonly seen: Seen | undefined;
}

function ask(headers: Record<string, string> = {}, path = '/', body?: Buffer, trailers?: Record<string, string>) {
  return new Promise<Answer>((resolve, reject) => {
    const options = { host: mesh.ip('client'), port: 4140, path, agent, method: body === undefined ? 'GET' : 'POST' };
    const asked = request({ ...options, headers: { host: 'server.test:8080', ...headers } }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => {
        const seen = response.statusCode === 200 ? (JSON.parse(text) as Seen) : undefined;
        resolve({ status: response.statusCode, challenge: response.headers['www-authenticate'], seen });
      });
    });
    asked.on('error', reject);
    if (trailers !== undefined) asked.addTrailers(trailers);
    asked.end(body);
  });
}

function options(headers: Record<string, string>) {
  return permission('OPTIONS', headers);
}

/** What a browser sees of an answer. */
function permission(method: string, headers: Record<string, string>) {
  return new Promise<{ status: number | undefined; allowed: unknown }>((resolve, reject) => {
    const asked = request(
      {
        ...{ host: mesh.ip('client'), port: 4140, agent, method },
        headers: { host: 'server.test:8080', ...headers },
      },
      (response) => {
        const { statusCode: status, headers } = response.resume();
        response.on('end', () => resolve({ status, allowed: headers['access-control-allow-origin'] }));
      },
    );
    asked.on('error', reject).end();
  });
}

const statusOf = async (headers: Record<string, string> = {}, path = '/') => (await ask(headers, path)).status;
const until = (status: number, headers: Record<string, string> = {}, path = '/') =>
  vi.waitFor(async () => expect(await statusOf(headers, path)).toBe(status), waiting);
const headersOf = ({ seen }: Answer): Record<string, string> => {
  const raw = seen?.rawHeaders ?? [];
  return Object.fromEntries(raw.flatMap((name, i) => (i % 2 === 0 ? [[name.toLowerCase(), raw[i + 1]]] : [])));
};

it('a request without a token is refused, one whose token holds goes on without it, the kubelet needs none', async () => {
  mesh.apply(server(), users('users', { jwtRules: [rule(issuer)] }));
  await until(401);
  expect(await ask()).toMatchObject({ challenge: 'Bearer realm="end users"' });
  const answer = await ask({ ...bearer(await issuer.token({ aud })), 'x-other': 'kept' });
  expect(answer.status).toBe(200);
  expect(headersOf(answer)).toMatchObject({ 'x-other': 'kept' });
  expect(headersOf(answer)).not.toHaveProperty('authorization');
  const probed = await new Promise((resolve) => {
    const at = { host: mesh.ip('server'), port: 4143, path: '/live', headers: { host: 'server' } };
    request(at, (response) => resolve(response.resume().statusCode)).end();
  });
  expect(probed).toBe(200);
});

it('a bad token is told why, and no log has it', async () => {
  mesh.apply(server(), users('users', { jwtRules: [rule(issuer)] }));
  await until(401);
  const told = async (token: string) => (await ask(bearer(token))).challenge;
  const why = (text: string) => `Bearer realm="end users", error="invalid_token", error_description="${text}"`;
  expect(await told(await issuer.token({ aud, exp: 1 }))).toBe(why('it has ended'));
  expect(await told(await issuer.token({ aud: 'bank' }))).toBe(why('it is for another audience'));
  expect(await told(await other.token({ aud }))).toBe(why('its issuer is not one of those that are trusted here'));
  expect(await told(issuer.confused())).toBe(why('no key of its issuer signed it'));
  expect(await told(issuer.forged({ alg: 'none' }, () => Buffer.alloc(0)))).toBe(why('it is no JSON Web Token'));
  const token = await issuer.token({ aud: 'bank', sub: 'secret-person' });
  await told(token);
  const log = mesh.log('server', 'tulle-proxy');
  expect(log).toMatch(/end user refused/);
  for (const part of [...token.split('.'), 'secret-person']) expect(log).not.toContain(part);
});

it('claims are told in headers, whatever the client writes there, in any spelling and in trailers', async () => {
  const outputClaimToHeaders = [
    { header: 'x-user', claim: 'sub' },
    { header: 'X-Roles', claim: 'realm.roles' },
  ];
  mesh.apply(server(), users('users', { optional: true, jwtRules: [rule(issuer, { outputClaimToHeaders })] }));
  await until(401, bearer('bad'));
  const forged = { 'x-user': 'root', X_USER: 'root', 'x.user': 'root', 'x-roles': 'root' };
  const anonymous = await ask({ ...forged, 'transfer-encoding': 'chunked' }, '/', Buffer.from('x'), {
    'x-user': 'root',
    'x-sum': 'kept',
  });
  expect(anonymous.status).toBe(200);
  expect(JSON.stringify(anonymous.seen)).not.toContain('root');
  expect(anonymous.seen?.rawTrailers).toEqual(['x-sum', 'kept']);
  const token = await issuer.token({ aud, sub: 'änn', realm: { roles: ['a', 'b'] } });
  for (let i = 0; i < 2; i++) {
    const answer = await ask({ ...forged, ...bearer(token) });
    expect(JSON.stringify(answer.seen)).not.toContain('root');
    expect(headersOf(answer)).toMatchObject({ 'x-roles': 'a,b' });
    expect(Buffer.from(headersOf(answer)['x-user'], 'latin1').toString('utf8')).toBe('änn');
  }
});

it('tokens stand where the object says, alone, and are taken out of there', async () => {
  const places = {
    fromHeaders: [{ name: 'X-Token', prefix: 'jwt ' }, { name: 'x-bare' }],
    fromParams: ['access_token'],
    fromCookies: ['session'],
  };
  mesh.apply(server(), users('users', { jwtRules: [rule(issuer, places)] }));
  await until(401);
  const token = await issuer.token({ aud });
  expect(await statusOf(bearer(token))).toBe(401);
  expect(await statusOf({ 'x-token': `JWT ${token}` })).toBe(200);
  expect(await statusOf({ 'x-bare': token })).toBe(200);
  const byQuery = await ask({}, `/a?b=1&access_token=${token}&c=%20`);
  expect(byQuery.seen?.url).toBe('/a?b=1&c=%20');
  const byCookie = await ask({ cookie: `a=1; session="${token}"; b=2` });
  expect(headersOf(byCookie)).toMatchObject({ cookie: 'a=1; b=2' });
  expect(await statusOf({ 'x-bare': token, cookie: `session=${await issuer.token({ aud, sub: 'eve' })}` })).toBe(401);
});

it('the issuers of several objects add up, and what any of them requires must be in every token', async () => {
  mesh.apply(
    server(),
    users('one', { jwtRules: [rule(issuer, { forwardOriginalToken: true })] }),
    users('two', { jwtRules: [rule(other)], requiredClaims: [{ claim: 'scope', values: ['read', 'write'] }] }),
  );
  const scope = 'openid write';
  await until(401);
  const token = bearer(await issuer.token({ aud, scope }));
  await until(200, token);
  expect(headersOf(await ask(token))).toMatchObject(token);
  expect(await statusOf(bearer(await other.token({ aud, scope })))).toBe(200);
  const lacking = await ask(bearer(await issuer.token({ aud, scope: 'openid' })));
  expect(lacking.status).toBe(403);
  expect(lacking.challenge).toMatch(/^Bearer realm="end users", error="insufficient_scope"/);
});

it('a route may require what its Server leaves open, and each way to read a path counts', async () => {
  const target = { kind: 'HTTPRoute', name: 'admin' };
  mesh.apply(
    server(),
    route('all', { path: { type: 'PathPrefix', value: '/' } }),
    route('admin', { path: { type: 'PathPrefix', value: '/admin' } }),
    users('users', { optional: true, jwtRules: [rule(issuer)] }),
    users('admins', { requiredClaims: [{ claim: 'groups', values: ['admin'] }] }, target),
  );
  await until(401, {}, '/admin');
  const [admin, user] = await Promise.all([['admin', 'x'], ['x']].map((groups) => issuer.token({ aud, groups })));
  const statuses = (headers: Record<string, string>) =>
    Promise.all(['/', '/admin', '/x/../admin', '/admin/../x', '//admin'].map((path) => statusOf(headers, path)));
  expect(await statuses({})).toEqual([200, 401, 401, 401, 401]);
  expect(await statuses(bearer(user))).toEqual([200, 403, 403, 403, 403]);
  expect(await statuses(bearer(admin))).toEqual([200, 200, 200, 200, 200]);
  expect(await statuses(bearer('bad'))).toEqual([401, 401, 401, 401, 401]);
});

it('routes are found by what the token tells, not by what the client writes', async () => {
  const outputClaimToHeaders = [{ header: 'x-tenant', claim: 'tenant' }];
  mesh.apply(
    server(),
    route('acme', { headers: [{ name: 'x-tenant', value: 'acme' }] }),
    users('users', { optional: true, jwtRules: [rule(issuer, { outputClaimToHeaders })] }),
  );
  const acme = bearer(await issuer.token({ aud, tenant: 'acme' }));
  await until(404);
  await until(200, acme);
  expect(await statusOf({ 'x-tenant': 'acme' })).toBe(404);
  expect(await statusOf({ ...bearer(await issuer.token({ aud, tenant: 'b' })), 'x-tenant': 'acme' })).toBe(404);
});

it('a browser may ask whether it may send a token before it does, also where routes are found by what tokens tell', async () => {
  const outputClaimToHeaders = [{ header: 'x-tenant', claim: 'tenant' }];
  const cors = { type: 'CORS', cors: { allowOrigins: ['https://shop.test'], allowMethods: ['PUT'] } };
  const shop = route('shop', { path: { type: 'PathPrefix', value: '/' } });
  mesh.apply(
    server(),
    route('acme', { headers: [{ name: 'x-tenant', value: 'acme' }] }),
    {
      ...shop,
      apiVersion: 'gateway.networking.k8s.io/v1',
      spec: { ...shop.spec, rules: [{ ...shop.spec.rules[0], filters: [cors] }] },
    },
    users('users', { jwtRules: [rule(issuer, { outputClaimToHeaders })] }),
  );
  await until(401);
  const preflight = { origin: 'https://shop.test', 'access-control-request-method': 'PUT' };
  await vi.waitFor(async () => {
    expect(await options(preflight)).toMatchObject({ status: 200, allowed: 'https://shop.test' });
  }, waiting);
  // What a client writes finds no route that is of claims, and what is no preflight goes nowhere.
  expect(await options({ ...preflight, 'x-tenant': 'acme' })).toMatchObject({ status: 200 });
  const { origin } = preflight;
  const refused = { status: 401, allowed: origin };
  expect(await options({ origin })).toEqual(refused);
  expect(await statusOf(preflight)).toBe(401);
  // A script reads why it was refused, of a token that is missing or does not hold, where its site may read anything.
  expect(await permission('GET', { origin })).toEqual(refused);
  expect(await permission('GET', { origin, ...bearer('no.token') })).toEqual(refused);
  expect(await permission('GET', { origin: 'https://evil.test' })).toEqual({ status: 401, allowed: undefined });
  expect(await permission('GET', {})).toEqual({ status: 401, allowed: undefined });
  const acme = bearer(await issuer.token({ aud, tenant: 'acme' }));
  expect(await permission('GET', { origin, ...acme })).toEqual({ status: 200, allowed: undefined });
});

it('a script may read that its token lacks a claim, on a route that says which sites may read it', async () => {
  const cors = { type: 'CORS', cors: { allowOrigins: ['https://shop.test'], exposeHeaders: ['www-authenticate'] } };
  const shop = route('shop', { path: { type: 'PathPrefix', value: '/' } });
  mesh.apply(
    server(),
    {
      ...shop,
      apiVersion: 'gateway.networking.k8s.io/v1',
      spec: { ...shop.spec, rules: [{ ...shop.spec.rules[0], filters: [cors] }] },
    },
    users('users', { jwtRules: [rule(issuer)], requiredClaims: [{ claim: 'role' }] }),
  );
  const token = bearer(await issuer.token({ aud }));
  await until(403, token);
  const origin = 'https://shop.test';
  const refused = (status: number) => ({ status, allowed: origin });
  await vi.waitFor(async () => expect(await permission('GET', { origin, ...token })).toEqual(refused(403)), waiting);
  expect(await permission('GET', { origin })).toEqual(refused(401));
  expect((await ask({ origin })).challenge).toBe('Bearer realm="end users"');
});

it('keys that are replaced hold at once, for open connections and for tokens that held before', async () => {
  const next = new Issuer(issuer.name, 'ES256', 'k3');
  mesh.apply(server(), users('users', { jwtRules: [rule(issuer)] }));
  const before = bearer(await issuer.token({ aud }));
  await until(401);
  await until(200, before);
  mesh.apply(server(), users('users', { jwtRules: [rule(next)] }));
  await until(401, before);
  expect(await statusOf(bearer(await next.token({ aud })))).toBe(200);
});

it('an object that cannot hold keeps its Server shut', async () => {
  mesh.apply(server(), users('users', { jwtRules: [rule(issuer, { jwks: '{"keys":[]}' })] }));
  await until(503, bearer(await issuer.token({ aud })));
  expect(await statusOf()).toBe(503);
});

it('bodies that come while a token is checked arrive whole and in order', async () => {
  mesh.apply(server(), users('users', { jwtRules: [rule(issuer)] }));
  await until(401);
  const answers = await Promise.all(
    Array.from({ length: 40 }, async (_, i) => {
      const body = Buffer.alloc(200_000 + i, i);
      const { status, seen } = await ask(bearer(await issuer.token({ aud, sub: `user ${i}` })), '/', body);
      return status === 200 && Buffer.from(seen!.body, 'base64').equals(body);
    }),
  );
  expect(answers).not.toContain(false);
  expect(await mesh.metric('server', 'inbound_tokens_kept')).toBeGreaterThanOrEqual(40);
});

it('gRPC is answered UNAUTHENTICATED and PERMISSION_DENIED, and told claims, over one connection', async () => {
  const outputClaimToHeaders = [{ header: 'x-user', claim: 'sub' }];
  const spec = { jwtRules: [rule(issuer, { outputClaimToHeaders })], requiredClaims: [{ claim: 'scope' }] };
  mesh.apply(server(9090, 'grpc', { proxyProtocol: 'gRPC' }), users('users', spec, { name: 'grpc' }));
  const client = connectHttp2(`http://${mesh.ip('client')}:4140`);
  const call = (headers: Record<string, string>) =>
    new Promise<Record<string, unknown>>((resolve, reject) => {
      const stream = client.request({
        ':method': 'POST',
        ':path': '/a.B/C',
        ':authority': 'server.test:9090',
        'content-type': 'application/grpc',
        te: 'trailers',
        ...headers,
      });
      const said: Record<string, unknown> = {};
      stream.on('response', (head) => Object.assign(said, head));
      stream.on('trailers', (trailers) => Object.assign(said, trailers));
      stream.on('error', reject);
      stream.on('end', () => resolve(said)).resume();
      stream.end(Buffer.from([0, 0, 0, 0, 0]));
    });
  await vi.waitFor(async () => expect(await call({})).toMatchObject({ ':status': 200, 'grpc-status': '16' }), waiting);
  expect(await call(bearer(await issuer.token({ aud })))).toMatchObject({ 'grpc-status': '7' });
  expect(await call(bearer('bad'))).toMatchObject({ 'grpc-status': '16' });
  const good = await call({ ...bearer(await issuer.token({ aud, scope: 'a' })), 'x-user': 'root' });
  expect(good).toMatchObject({ 'grpc-status': '0', 'x-user-seen': 'ann' });
  client.close();
});

it('bytes that are no HTTP do not come in beside', async () => {
  mesh.apply(server(), users('users', { optional: true, jwtRules: [rule(issuer)] }));
  await until(401, bearer('bad'));
  const before = await mesh.metric('server', 'inbound_tcp_authz_deny_total');
  const socket = connect(4143, mesh.ip('server'), () => socket.write('\0\x01\x02\x03 no HTTP\r\n\r\n'));
  await new Promise((resolve) => socket.on('error', () => {}).on('close', resolve));
  expect(await mesh.metric('server', 'inbound_tcp_authz_deny_total')).toBe(before + 1);
});
