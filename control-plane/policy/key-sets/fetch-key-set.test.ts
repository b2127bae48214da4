import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttp, type RequestListener } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer as createTcp, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { FetchError, type FetchOptions, fetchKeySet } from './fetch-key-set.ts';

const jwk = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
const published = JSON.stringify({
  keys: [
    { ...jwk, kid: 'a' },
    { kty: 'oct', k: 'AA' },
  ],
});
const usable = JSON.stringify({ keys: [{ kty: 'OKP', kid: 'a', crv: 'Ed25519', x: jwk.x, alg: 'EdDSA' }] });

let folder: string;
let tls: { key: string; cert: string };
const servers: Server[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tulle-key-sets-'));
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(folder, name));
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', cert];
  const names = ['-subj', '/CN=issuer', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:issuer.test'];
  execFileSync('openssl', ['req', '-x509', ...curve, ...names, '-days', '1'], { stdio: 'pipe' });
  tls = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const listen = async (server: Server): Promise<number> => {
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return (server.address() as AddressInfo).port;
};
const answer: RequestListener = (_request, response) => response.end(published);
const https = (listener: RequestListener = answer) => listen(createHttps(tls, listener));
const options = (more: Partial<FetchOptions> = {}): FetchOptions => ({
  networks: ['127.0.0.0/8'],
  clusterNetworks: ['10.0.0.0/8'],
  authorities: [tls.cert],
  timeoutMs: 3000,
  resolve: async () => ['127.0.0.1'],
  ...more,
});
const failure = async (url: string, more?: Partial<FetchOptions>): Promise<FetchError> => {
  const error = await fetchKeySet(url, options(more)).then(
    (text) => text,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FetchError);
  return error as FetchError;
};
const unreachable = /^cannot be fetched: it must answer by https, at a public address/;

it('what is published is fetched, and of it what can be used', async () => {
  const port = await https();
  expect(await fetchKeySet(`https://127.0.0.1:${port}/keys`, options())).toBe(usable);
  expect(await fetchKeySet(`https://issuer.test:${port}/keys`, options())).toBe(usable);
  const plain = await listen(createHttp(answer));
  expect(await fetchKeySet(`http://127.0.0.1:${plain}/`, options())).toBe(usable);
});

it('no address but those of the internet is connected to, whether it is written or looked up', async () => {
  let connections = 0;
  const port = await listen(createTcp(() => connections++));
  const denied = { networks: [] };
  for (const host of ['127.0.0.1', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '2130706433', '0x7f.1', 'issuer.test']) {
    const { message, detail } = await failure(`https://${host}:${port}/`, denied);
    expect(message).toMatch(unreachable);
    expect(detail).toMatch(/leads to/);
  }
  const metadata = await failure('https://a.test/', { resolve: async () => ['169.254.169.254', 'fd00:ec2::254'] });
  expect(metadata.detail).toBe('a.test leads to 169.254.169.254, fd00:ec2::254');
  expect(connections).toBe(0);
});

it('the addresses of the cluster are none of the internet, whatever they are', async () => {
  const resolve = async () => ['1.1.1.1'];
  const { detail } = await failure('https://a.test/', { networks: [], clusterNetworks: ['1.1.0.0/16'], resolve });
  expect(detail).toBe('a.test leads to 1.1.1.1');
});

it('in plain text nothing is fetched from the internet', async () => {
  const { detail } = await failure('http://a.test/', { networks: [], resolve: async () => ['1.1.1.1'] });
  expect(detail).toBe('a.test leads to 1.1.1.1');
});

it('a name is looked up once: what it means afterwards does not count', async () => {
  const port = await https();
  let asked = 0;
  const resolve = async () => (asked++ === 0 ? ['127.0.0.1'] : ['127.0.0.2']);
  expect(await fetchKeySet(`https://issuer.test:${port}/`, options({ resolve }))).toBe(usable);
  expect(asked).toBe(1);
});

it('a certificate must be of a trusted authority, and for the name', async () => {
  const port = await https();
  expect((await failure(`https://127.0.0.1:${port}/`, { authorities: [] })).detail).toMatch(/self-signed certificate/);
  expect((await failure(`https://other.test:${port}/`)).detail).toMatch(/does not match certificate/);
});

it('a redirect is not followed', async () => {
  let led = 0;
  const target = await listen(createHttp(() => led++));
  const port = await https((_request, response) => {
    response.writeHead(302, { location: `http://127.0.0.1:${target}/` }).end();
  });
  expect((await failure(`https://127.0.0.1:${port}/`)).message).toBe('is answered with 302, and must be with 200');
  expect(led).toBe(0);
});

it.each([
  [
    'no end',
    (_: unknown, response: { write: (chunk: Buffer) => unknown }) => void response.write(Buffer.alloc(70_000)),
  ],
  [
    'a length beyond',
    (_: unknown, response: { end: (chunk: Buffer) => unknown }) => void response.end(Buffer.alloc(65_537)),
  ],
])('an answer with %s is cut off', async (_, listener) => {
  const port = await https(listener as RequestListener);
  expect((await failure(`https://127.0.0.1:${port}/`)).message).toBe('the answer has more than 65536 bytes');
});

it('an answer that does not come, or not to its end, is waited for with a bound', async () => {
  const silent = await https(() => {});
  expect((await failure(`https://127.0.0.1:${silent}/`, { timeoutMs: 200 })).message).toMatch(unreachable);
  const slow = await https((_request, response) => response.write('{'));
  expect((await failure(`https://127.0.0.1:${slow}/`, { timeoutMs: 200 })).message).toMatch(unreachable);
});

it('what is no key set, or has none that can be used, is told', async () => {
  const said = async (text: string) => {
    const port = await https((_request, response) => response.end(text));
    return (await failure(`https://127.0.0.1:${port}/`)).message;
  };
  expect(await said('<html>')).toBe('the answer holds no key: it must be JSON');
  expect(await said('{"keys":[]}')).toBe('the answer holds no key: it has no key that can check signatures');
});

it('what answers where is not told to who wrote the URL', async () => {
  const closed = await https();
  servers.pop()?.close();
  const talks = await listen(createTcp((socket) => socket.end('SSH-2.0-OpenSSH\r\n')));
  const resolve = async () => {
    throw new Error('queryA ENOTFOUND');
  };
  const failures = [
    await failure(`https://127.0.0.1:${closed}/`),
    await failure(`https://127.0.0.1:${talks}/`),
    await failure('https://10.0.0.1/', { networks: [] }),
    await failure('https://nobody.test/', { resolve }),
  ];
  expect(new Set(failures.map(({ message }) => message)).size).toBe(1);
  expect(new Set(failures.map(({ detail }) => detail)).size).toBe(4);
});
