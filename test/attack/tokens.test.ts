import { createServer, request } from 'node:http';
import { type AddressInfo, createServer as createTcp } from 'node:net';
import { afterAll, beforeAll, expect, vi } from 'vitest';
import { PolicyWorld } from '../../control-plane/policy/testing.ts';
import { Issuer } from '../../proxy/tokens/testing/issuer.ts';
import { TestMesh } from '../proxy/test-mesh.ts';
import { vector } from './vector.ts';

/** A server's sidecar that lets in end users of two issuers, and tells the application whose request it is. */
let mesh: TestMesh;
const issuer = new Issuer('https://issuer.test', 'RS256');
const other = new Issuer('https://other.test', 'ES256', 'k2');
const aud = 'shop';
const group = 'policy.linkerd.io';
const metadata = { name: 'server', namespace: 'test' };
const rule = (of: Issuer) => ({
  issuer: of.name,
  audiences: [aud],
  jwks: of.jwks,
  outputClaimToHeaders: [{ header: 'x-user', claim: 'sub' }],
});
const requestAuthentication = (spec: object, namespace = 'test') => ({
  apiVersion: 'tulle.dev/v1alpha1',
  kind: 'RequestAuthentication',
  metadata: { name: 'users', namespace },
  spec: { targetRef: { group, kind: 'Server', name: 'server' }, ...spec },
});

beforeAll(async () => {
  mesh = await TestMesh.start(
    [{ name: 'server', ports: [8080] }],
    [
      {
        apiVersion: `${group}/v1beta3`,
        kind: 'Server',
        metadata,
        spec: { podSelector: {}, port: 8080, accessPolicy: 'all-unauthenticated' },
      },
      requestAuthentication({ jwtRules: [rule(issuer), rule(other)] }),
    ],
  );
  await mesh.serve(
    'server',
    8080,
    createServer((incoming, response) => response.end(String(incoming.headers['x-user']))),
  );
  await mesh.ready();
  await vi.waitFor(async () => expect((await ask('')).status).toBe(401), 8000);
}, 60_000);
afterAll(() => mesh?.stop());

function ask(token: string): Promise<{ status: number | undefined; user: string }> {
  return new Promise((resolve, reject) => {
    const headers = { host: 'server', authorization: `Bearer ${token}` };
    request({ host: mesh.ip('server'), port: 4143, path: '/', headers, agent: false }, (response) => {
      let user = '';
      response.on('data', (chunk) => {
        user += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode, user }));
    })
      .on('error', reject)
      .end();
  });
}

const nothing = () => Buffer.alloc(0);

vector(
  {
    who: 'net',
    attack:
      'tokens without a signature, with an HMAC by the public key, with a key of their own, by the kid or key of another issuer, with many signatures, of 60 kB, or that ask for what is not known',
    promise: 'each is answered 401, and none reaches the application',
  },
  async () => {
    const tokens = [
      issuer.forged({ alg: 'none' }, nothing),
      issuer.forged({ alg: 'None', kid: 'k1' }, nothing),
      issuer.confused(),
      issuer.confused({ alg: 'RS256', kid: 'k1' }),
      issuer.confused({ alg: 'HS256', jwk: { kty: 'oct', k: 'AA' } }),
      await other.token({ aud, iss: issuer.name }),
      await issuer.token({ aud }, { kid: 'k2' }),
      await new Issuer(issuer.name, 'RS256').token({ aud }),
      await issuer.manySignatures(20),
      await issuer.token({ aud, more: 'x'.repeat(40_000) }),
      await issuer.token({ aud }, { crit: ['x'], x: 1 }),
      await issuer.token({ aud: 'bank' }),
      await issuer.token({ aud, exp: 1 }),
      await issuer.token({ aud, exp: undefined }),
      await issuer.token({ aud, nbf: 9_999_999_999 }),
    ];
    for (const token of tokens) expect(await ask(token)).toEqual({ status: 401, user: '' });
    expect(await ask(await issuer.token({ aud }))).toEqual({ status: 200, user: 'ann' });
  },
  20_000,
);

vector(
  {
    who: 'net',
    attack: 'a name with line breaks, control characters or white space at its ends, in a token that its issuer signed',
    promise: 'no field of the request is made by it, and no other name: the application is told none',
  },
  async () => {
    for (const sub of ['a\r\nx-admin: true', 'a\nb', 'a\0', ' root', 'root\t']) {
      expect(await ask(await issuer.token({ aud, sub }))).toEqual({ status: 200, user: 'undefined' });
    }
  },
  20_000,
);

vector(
  {
    who: 'net',
    attack: '2,000 requests with tokens that no key has signed, from 20 connections, beside a user who has a good one',
    promise: 'the user is served throughout, and nothing of them is kept',
  },
  async () => {
    const token = await issuer.token({ aud, sub: 'ben' });
    await ask(token);
    const kept = await mesh.metric('server', 'inbound_tokens_kept');
    const [head, payload] = token.split('.');
    let sent = 0;
    const attacker = async () => {
      while (sent < 2000) {
        const signature = Buffer.from(String(sent++).padStart(256, 'x')).toString('base64url');
        expect((await ask(`${head}.${payload}.${signature}`)).status).toBe(401);
      }
    };
    const attackers = Promise.all(Array.from({ length: 20 }, attacker));
    while (sent < 2000) expect(await ask(token)).toEqual({ status: 200, user: 'ben' });
    await attackers;
    expect(await mesh.metric('server', 'inbound_tokens_kept')).toBe(kept);
  },
  60_000,
);

vector(
  {
    who: 'tenant',
    attack: 'key sets at addresses of the host, of its link and of the cluster, in 8 spellings, and behind a redirect',
    promise: 'the control plane connects to none of them',
  },
  async () => {
    let connections = 0;
    const inside = createTcp((socket) => {
      connections++;
      socket.destroy();
    });
    await new Promise<void>((done) => inside.listen(0, '127.0.0.1', done));
    const { port } = inside.address() as AddressInfo;
    const { jwks } = issuer;
    // The one address that the administrator allows: it leads on to the others.
    const allowed = createServer((incoming, response) => {
      if (incoming.url === '/keys') response.end(jwks);
      else response.writeHead(302, { location: `http://127.0.0.1:${port}/` }).end();
    });
    await new Promise<void>((done) => allowed.listen(0, '127.0.0.2', done));
    const behind = `http://127.0.0.2:${(allowed.address() as AddressInfo).port}`;
    const hosts = ['127.0.0.1', '127.1', '2130706433', '0x7f000001', '[::ffff:127.0.0.1]', '[::1]', '0.0.0.0'];
    const urls = [
      ...hosts.map((host) => `https://${host}:${port}/`),
      `http://127.0.0.1:${port}/`,
      `${behind}/redirect`,
    ];
    const jwtRules = [...urls, `${behind}/keys`].map((jwksUri) => ({ issuer: issuer.name, jwksUri }));
    const server = {
      apiVersion: `${group}/v1beta3`,
      kind: 'Server',
      metadata: { name: 'server', namespace: 'shop' },
      spec: { podSelector: {}, port: 8080 },
    };
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace: 'shop', labels: {} }, spec: {} };
    const world = await PolicyWorld.start([server, pod, requestAuthentication({ jwtRules }, 'shop')], {
      'jwks-networks': '127.0.0.2/32',
    });
    const seen = world.watchPort(8080);
    // The last of them, and so after all others.
    await vi.waitFor(() => expect(JSON.stringify(seen.messages.at(-1))).toContain('jwks'), 8000);
    expect(connections).toBe(0);
    await world.stop();
    allowed.close();
    inside.close();
  },
  20_000,
);
