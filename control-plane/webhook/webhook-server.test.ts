import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { connect } from 'node:tls';
import pino from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  type CertificateWithKey,
  createAuthority,
  createServerCertificate,
} from '../certificates/create-certificate.ts';
import { maxBodyBytes, maxBufferedBytes } from './request-body.ts';
import { WebhookClient } from './testing/webhook-client.ts';
import { WebhookMetrics } from './webhook-metrics.ts';
import { type AdmissionHandler, Unavailable, WebhookServer, type WebhookServerOptions } from './webhook-server.ts';

const lifetimeMs = 3_600_000;
const log = pino({ level: 'silent' });
const kind = { group: '', version: 'v1', kind: 'Pod' };
const review = (extra: object = {}) =>
  JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { uid: 'u-1', kind, ...extra },
  });

let authority: CertificateWithKey;
let leaf: CertificateWithKey;
const close: (() => void)[] = [];

async function pki(name: string) {
  const nowMs = Date.now();
  const signedBy = await createAuthority({ name, lifetimeMs, nowMs });
  return { signedBy, leaf: await createServerCertificate({ dnsNames: ['localhost'], lifetimeMs, nowMs, signedBy }) };
}

beforeAll(async () => {
  ({ signedBy: authority, leaf } = await pki('first'));
});
afterEach(() => {
  for (const end of close.splice(0)) end();
});

async function start(handle: AdmissionHandler, options: Partial<WebhookServerOptions> = {}) {
  const registry = new Registry();
  const webhook = new WebhookServer({
    name: 'test',
    handle,
    log,
    metrics: new WebhookMetrics(registry),
    drainMs: 0,
    ...options,
  });
  webhook.useCertificate(leaf);
  await new Promise<void>((resolve) => webhook.server.listen(0, '127.0.0.1', resolve));
  const { port } = webhook.server.address() as AddressInfo;
  const client = new WebhookClient(port, authority.certificate);
  close.push(() => {
    client.close();
    webhook.server.close();
    webhook.server.closeAllConnections();
  });
  return { webhook, client, port, registry };
}

const allow: AdmissionHandler = () => ({ allowed: true });

describe('a review', () => {
  it.each(['admission.k8s.io/v1', 'admission.k8s.io/v1beta1'])('is answered in its version: %s', async (version) => {
    const { client } = await start(({ object, dryRun }) => ({
      allowed: true,
      patch: [{ op: 'add', path: '/a', value: [object?.['b'], dryRun] }],
      warnings: ['w'.repeat(300)],
    }));
    const { patch, ...response } = await client.review({ kind, object: { b: 1 }, dryRun: true }, version);
    expect(response).toEqual({ uid: 'u-1', allowed: true, patchType: 'JSONPatch', warnings: [`${'w'.repeat(255)}…`] });
    expect(JSON.parse(Buffer.from(patch!, 'base64').toString())).toEqual([{ op: 'add', path: '/a', value: [1, true] }]);
  });

  it('without changes has no patch', async () => {
    const { client } = await start(() => ({ allowed: true, patch: [] }));
    expect(await client.review({ kind })).toEqual({ uid: 'u-1', allowed: true });
  });

  it('whose handler fails is refused, and told why', async () => {
    const { client } = await start(() => {
      throw new Error('spec.containers is no list');
    });
    expect(await client.review({ kind, namespace: 'shop', name: 'web' })).toEqual({
      uid: 'u-1',
      allowed: false,
      status: {
        status: 'Failure',
        reason: 'Invalid',
        code: 422,
        message: 'tulle-test: Pod shop/web: spec.containers is no list',
      },
    });
  });

  it('that cannot be decided now gets no decision, so that the failure policy makes it', async () => {
    const { client } = await start(() => {
      throw new Unavailable('the configuration is not there yet');
    });
    expect(await client.post(review())).toMatchObject({ status: 503, body: 'the configuration is not there yet\n' });
  });

  it('whose handler does not come to an end gets no decision', async () => {
    const { client } = await start(() => new Promise(() => {}), { handlerTimeoutMs: 20 });
    expect(await client.post(review())).toMatchObject({ status: 503, body: 'no answer within 20 ms\n' });
  });

  it('is counted, with its latency', async () => {
    const { client, registry } = await start(allow);
    await client.post(review());
    await client.post('{}');
    const text = await registry.metrics();
    expect(text).toContain('http_server_requests_total{webhook="test",code="200"} 1');
    expect(text).toContain('http_server_requests_total{webhook="test",code="400"} 1');
    expect(text).toContain('http_server_request_latency_seconds_count{webhook="test"} 2');
    expect(text).toContain('webhook_reviews_total{webhook="test",allowed="true"} 1');
  });
});

describe('a call is refused', () => {
  it.each([
    ['no JSON', '{', 400, /^the body must be JSON: /],
    ['another kind', '{"kind":"Pod"}', 400, /^the body must be an object of kind AdmissionReview/],
    [
      'another version',
      '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v2"}',
      400,
      /^apiVersion \(admission.k8s.io\/v2\) must be one of admission.k8s.io\/v1, admission.k8s.io\/v1beta1/,
    ],
    ['no request', '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}', 400, /^request must be an object/],
    ['no uid', review({ uid: undefined }), 400, /^request.uid must be a text/],
    ['an object that is none', review({ object: [] }), 400, /^request.object must be an object/],
  ])('with %s', async (_, body, status, message) => {
    const { client } = await start(allow);
    const answer = await client.post(body);
    expect(answer.status).toBe(status);
    expect(answer.body).toMatch(message);
    expect((await client.post(review())).status).toBe(200);
  });

  it('of another type, method or path', async () => {
    const { client } = await start(allow);
    expect(await client.post(review(), { 'content-type': 'text/plain' })).toMatchObject({
      status: 415,
      body: 'content-type (text/plain) must be application/json\n',
    });
    expect((await client.post(review(), { 'content-type': 'application/json; charset=utf-8' })).status).toBe(200);
    expect((await client.post('', {}, '/', 'GET')).status).toBe(405);
    expect((await client.post(review(), {}, '/pods')).status).toBe(404);
  });

  it('above the size limit, whether it says so or not', async () => {
    const { client } = await start(allow);
    expect((await client.post('x', { 'content-length': String(maxBodyBytes + 1) })).status).toBe(413);
    const body = review({ object: { data: 'x'.repeat(maxBodyBytes) } });
    // The server closes without reading the rest; the answer may be lost to that.
    await client.post(body, { 'transfer-encoding': 'chunked' }).then(
      ({ status }) => expect(status).toBe(413),
      ({ code }: NodeJS.ErrnoException) => expect(['EPIPE', 'ECONNRESET']).toContain(code),
    );
    expect((await client.post(review({ object: { data: 'x'.repeat(maxBodyBytes - 1000) } }))).status).toBe(200);
  });

  it('while too much of other bodies is held', async () => {
    const { client, port } = await start(allow);
    const head = `POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${maxBodyBytes}\r\n\r\n`;
    const heard: string[] = [];
    const sockets = Array.from({ length: Math.ceil(maxBufferedBytes / maxBodyBytes) }, () => {
      const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: authority.certificate });
      socket.on('error', () => {}).on('data', (chunk: Buffer) => heard.push(String(chunk)));
      // One byte is missing of each.
      socket.write(head);
      socket.write(Buffer.alloc(maxBodyBytes - 1));
      return socket;
    });
    await vi.waitFor(() => expect(heard.join()).toContain('503 Service Unavailable'), { timeout: 10_000 });
    for (const socket of sockets) socket.destroy();
    await vi.waitFor(async () => expect((await client.post(review())).status).toBe(200));
  });

  it('when it does not arrive in time', async () => {
    const { port } = await start(allow, { receiveTimeoutMs: 100 });
    const answer = await new Promise<string>((resolve) => {
      const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: authority.certificate });
      socket.write(
        'POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{',
      );
      socket.on('error', () => {}).on('data', (chunk: Buffer) => resolve(String(chunk)));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('on more connections than there may be: those that are idle give way', async () => {
    const { client, port, registry } = await start(allow, { maxConnections: 1 });
    await client.post(review());
    const second = new WebhookClient(port, authority.certificate);
    close.push(() => second.close());
    expect((await second.post(review())).status).toBe(200);
    expect(await registry.metrics()).toContain('webhook_connections_refused_total{webhook="test",limit="all"} 1');
    await vi.waitFor(() => expect(Object.values(client.agent.freeSockets).flat()).toHaveLength(0));
    expect((await client.post(review())).status).toBe(200);
  });

  it('over TLS 1.2, and in plaintext', async () => {
    const { port } = await start(allow);
    const error = await new Promise<Error>((resolve) =>
      connect({ port, host: '127.0.0.1', maxVersion: 'TLSv1.2', ca: authority.certificate }).on('error', resolve),
    );
    expect(error.message).toMatch(/protocol version|handshake failure/i);
    await expect(fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: review() })).rejects.toThrow();
  });
});

it('a new certificate serves new connections, and those that stand go on', async () => {
  const { webhook, client, port } = await start(allow);
  await client.post(review());
  const second = await pki('second');
  webhook.useCertificate(second.leaf);
  await client.post(review());
  expect(Object.values(client.agent.freeSockets).flat()).toHaveLength(1);
  const later = new WebhookClient(port, second.signedBy.certificate);
  close.push(() => later.close());
  expect((await later.post(review())).status).toBe(200);
  const former = new WebhookClient(port, authority.certificate);
  close.push(() => former.close());
  await expect(former.post(review())).rejects.toThrow(/certificate/);
});

it('a certificate that cannot be used leaves the former in use', async () => {
  const { webhook, port } = await start(allow);
  expect(() => webhook.useCertificate({ certificate: 'none', key: leaf.key })).toThrow();
  const client = new WebhookClient(port, authority.certificate);
  close.push(() => client.close());
  expect((await client.post(review())).status).toBe(200);
});

it('a stop answers the call under way, and takes more until all have heard of it', async () => {
  const gate = Promise.withResolvers<void>();
  let calls = 0;
  const handle: AdmissionHandler = async () => {
    calls++;
    await gate.promise;
    return { allowed: true };
  };
  const { webhook, client } = await start(handle, { drainMs: 300 });
  const underWay = client.post(review());
  await vi.waitFor(() => expect(calls).toBe(1));
  const stopped = webhook.stop();
  const late = client.post(review());
  await vi.waitFor(() => expect(calls).toBe(2));
  gate.resolve();
  for (const answer of await Promise.all([underWay, late])) {
    expect(answer).toMatchObject({ status: 200, headers: { connection: 'close' } });
  }
  await stopped;
  await expect(client.post(review())).rejects.toThrow(/ECONNREFUSED/);
});

it.each([
  ['says nothing', Buffer.alloc(0)],
  ['begins its handshake, and does not go on', Buffer.from('160301', 'hex')],
])('a stop is not held up by a client that %s', async (_what, said) => {
  const { webhook, port } = await start(allow);
  const socket = connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true });
  close.push(() => socket.destroy());
  await once(
    socket.resume().on('error', () => {}),
    'connect',
  );
  if (said.length > 0) await new Promise((sent) => socket.write(said, sent));
  const stopped = webhook.stop().then(() => 'stopped');
  const late = new Promise((resolve) => setTimeout(resolve, 3000, 'still there').unref());
  expect(await Promise.race([stopped, late])).toBe('stopped');
});
