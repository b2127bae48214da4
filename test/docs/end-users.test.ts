import { readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { Issuer } from '../../proxy/tokens/testing/issuer.ts';
import { TestMesh } from '../proxy/test-mesh.ts';

/** The objects of docs/guides/end-users.md, as they stand there but for their namespace and the issuer's keys. */
const issuer = new Issuer('https://accounts.example.com', 'RS256');
const text = readFileSync(join(import.meta.dirname, '../../docs/guides/end-users.md'), 'utf8');
const blocks = [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, yaml]) =>
  parseAllDocuments(
    yaml.replaceAll('namespace: shop', 'namespace: test').replaceAll(/jwksUri: .*/g, `jwks: '${issuer.jwks}'`),
  ).map((document) => document.toJS() as object),
);
const [whole, routes, claims] = blocks;
const [server] = whole;

let mesh: TestMesh;
beforeAll(async () => {
  mesh = await TestMesh.start([{ name: 'client' }, { name: 'web', ports: [8080] }]);
  await mesh.serve(
    'web',
    8080,
    createServer(({ headers }, response) => response.end(JSON.stringify(headers))),
  );
  await mesh.ready();
}, 60_000);
afterAll(() => mesh.stop());
beforeEach(async () => {
  mesh.apply();
  await until(200);
});

interface Answer {
  readonly status: number | undefined;
  readonly challenge: string | undefined;
  readonly seen: Record<string, string>;
}
const ask = (token?: string, path = '/', more: Record<string, string> = {}) =>
  new Promise<Answer>((resolve, reject) => {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const headers = { host: 'web.test:8080', ...authorization, ...more };
    request({ host: mesh.ip('client'), port: 4140, path, headers, agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => {
        const challenge = response.headers['www-authenticate'];
        const seen = response.statusCode === 200 ? (JSON.parse(body) as Record<string, string>) : {};
        resolve({ status: response.statusCode, challenge, seen });
      });
    })
      .on('error', reject)
      .end();
  });
const until = (status: number, ...asked: Parameters<typeof ask>) =>
  vi.waitFor(async () => expect((await ask(...asked)).status).toBe(status), { timeout: 10_000, interval: 50 });
const aud = 'shop';

it('the first objects let in who has a token, and tell the application whose it is', async () => {
  mesh.apply(...whole);
  await until(401);
  expect((await ask()).challenge).toBe('Bearer realm="end users"');
  const { status, seen } = await ask(await issuer.token({ aud }), '/', { 'x-user': 'root' });
  expect([status, seen['x-user'], seen['authorization']]).toEqual([200, 'ann', undefined]);
});

it('a route wants a token with a claim where its Server wants none', async () => {
  mesh.apply(server, ...routes);
  await until(401, undefined, '/admin');
  expect((await ask()).status).toBe(200);
  expect((await ask(await issuer.token({ aud }), '/admin')).status).toBe(403);
  expect((await ask(await issuer.token({ aud, groups: ['x', 'support'] }), '/admin')).status).toBe(200);
});

it('a route is for the users of one tenant', async () => {
  mesh.apply(server, ...claims);
  await until(401);
  expect((await ask(await issuer.token({ aud, tenant: 'acme' }))).status).toBe(200);
  expect((await ask(await issuer.token({ aud, tenant: 'other' }), '/', { 'x-tenant': 'acme' })).status).toBe(404);
});
