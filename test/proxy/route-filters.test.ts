import { createServer, request } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { TestMesh } from './test-mesh.ts';

/** Filters of routes as people write them, at a Server: real sidecars, a real control plane. */
let mesh: TestMesh;

beforeAll(async () => {
  mesh = await TestMesh.start([{ name: 'client' }, { name: 'server', ports: [8080] }]);
  const server = createServer((asked, response) => {
    response.setHeader('x-app', 'said');
    response.end(JSON.stringify({ method: asked.method, url: asked.url, headers: asked.headers }));
  });
  await mesh.serve('server', 8080, server);
  await mesh.ready();
}, 60_000);
afterAll(() => mesh.stop());

const waiting = { timeout: 5000, interval: 50 };
beforeEach(async () => {
  mesh.apply();
  await vi.waitFor(async () => expect((await ask('/a')).status).toBe(200), waiting);
});
afterEach(() => mesh.apply());

const group = 'policy.linkerd.io';
const server = {
  apiVersion: `${group}/v1beta3`,
  kind: 'Server',
  metadata: { name: 'server', namespace: 'test' },
  spec: { podSelector: { matchLabels: { app: 'server' } }, port: 8080, accessPolicy: 'all-authenticated' },
};
const route = (rules: object[]) => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name: 'filtered', namespace: 'test' },
  spec: { parentRefs: [{ group, kind: 'Server', name: 'server' }], rules },
});
const at = (value: string, ...filters: object[]) => ({ matches: [{ path: { type: 'PathPrefix', value } }], filters });
const prefix = (replacePrefixMatch: string) => ({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch } });

interface Answer {
  status: number | undefined;
  headers: NodeJS.Dict<string | string[]>;
  body: string;
}

function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  const options = {
    host: mesh.ip('client'),
    port: 4140,
    path,
    method,
    headers: { host: 'server.test:8080', ...headers },
  };
  return new Promise((resolve, reject) => {
    const asked = request({ ...options, agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
    });
    asked.on('error', reject);
    asked.end();
  });
}

it('a rewrite, CORS, a redirect and header changes of one route hold, each for its rule', async () => {
  mesh.apply(
    server,
    route([
      at('/a', { type: 'URLRewrite', urlRewrite: { hostname: 'inside.org', ...prefix('/b') } }),
      at('/cors', { type: 'CORS', cors: { allowOrigins: ['https://*.a.org'], allowMethods: ['PUT'] } }),
      at('/old', { type: 'RequestRedirect', requestRedirect: { ...prefix('/new'), statusCode: 308 } }),
      at('/again', { type: 'RequestRedirect', requestRedirect: { statusCode: 303 } }),
      at('/head', {
        type: 'ResponseHeaderModifier',
        responseHeaderModifier: { set: [{ name: 'X-App', value: 'changed' }] },
      }),
    ]),
  );
  await vi.waitFor(async () => expect((await ask('/a/x?q=/a')).body).toContain('"/b/x?q=/a"'), waiting);
  expect(JSON.parse((await ask('/a')).body)).toMatchObject({ url: '/b', headers: { host: 'inside.org' } });

  const preflight = { origin: 'https://web.a.org', 'access-control-request-method': 'PUT' };
  const answered = await ask('/cors', preflight, 'OPTIONS');
  expect(answered).toMatchObject({ status: 200, body: '' });
  expect(answered.headers).toMatchObject({
    'access-control-allow-origin': 'https://web.a.org',
    'access-control-allow-methods': 'PUT',
    'access-control-max-age': '5',
  });

  const redirected = await ask('/old/x?q');
  expect([redirected.status, redirected.headers['location']]).toEqual([308, 'http://server.test:8080/new/x?q']);
  expect(redirected.headers).not.toHaveProperty('l5d-proxy-error');
  const sentAgain = await ask('/again', {}, 'POST');
  expect([sentAgain.status, sentAgain.headers['location']]).toEqual([303, 'http://server.test:8080/again']);
  expect((await ask('/head')).headers['x-app']).toBe('changed');
});

it('a filter of others fails its rule and no other, and who asks is told why', async () => {
  mesh.apply(
    server,
    route([
      at('/shut', { type: 'ExtensionRef', extensionRef: { group: 'x.org', kind: 'Guard', name: 'g' } }),
      at('/open', { type: 'URLRewrite', urlRewrite: prefix('/') }),
    ]),
  );
  await vi.waitFor(async () => expect((await ask('/shut')).status).toBe(500), waiting);
  expect((await ask('/shut')).headers['l5d-proxy-error']).toBe(
    'its proxy failed it: the filter ExtensionRef is not supported',
  );
  expect(JSON.parse((await ask('/open/x')).body)).toMatchObject({ url: '/x' });
  expect(await mesh.metric('server', 'inbound_http_errors_total', 'error="injected"')).toBeGreaterThan(0);
});

it('nobody who may not come gets an answer of a filter', async () => {
  mesh.apply(
    { ...server, spec: { ...server.spec, accessPolicy: 'deny' } },
    route([at('/old', { type: 'RequestRedirect', requestRedirect: { hostname: 'x.org' } })]),
  );
  await vi.waitFor(async () => expect((await ask('/old')).status).toBe(403), waiting);
});
