import type { AddressInfo } from 'node:net';
import pino from 'pino';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createAuthority, createServerCertificate } from '../certificates/create-certificate.ts';
import { ObjectsInMemory } from '../certificates/testing.ts';
import { ServingCertificate } from './serving-certificate.ts';
import { WebhookClient } from './testing/webhook-client.ts';
import { WebhookMetrics } from './webhook-metrics.ts';
import { WebhookServer } from './webhook-server.ts';

const day = 86_400_000;
const hooksPath = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/hooks';
const secretPath = '/api/v1/namespaces/tulle/secrets/hook-tls';
const log = pino({ level: 'silent' });
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

interface Hooks {
  metadata: { name: string };
  webhooks: { clientConfig: { caBundle?: string } }[];
}

function cluster() {
  const api = new ObjectsInMemory();
  const hooks: Hooks = { metadata: { name: 'hooks' }, webhooks: [{ clientConfig: {} }] };
  api.objects.set(hooksPath, hooks);
  const stored = () => api.objects.get(hooksPath) as unknown as Hooks;
  const caBundle = () => Buffer.from(stored().webhooks[0].clientConfig.caBundle ?? '', 'base64').toString('utf8');
  return { api, stored, caBundle };
}

async function replica(api: ObjectsInMemory, clock: { nowMs: number }, propagationMs = 100) {
  const registry = new Registry();
  const metrics = new WebhookMetrics(registry);
  const webhook = new WebhookServer({ name: 'hook', handle: () => ({ allowed: true }), log, metrics });
  await new Promise<void>((resolve) => webhook.server.listen(0, '127.0.0.1', resolve));
  const serving = new ServingCertificate({
    name: 'hook',
    server: webhook,
    api,
    secret: { namespace: 'tulle', name: 'hook-tls' },
    configuration: { kind: 'MutatingWebhookConfiguration', name: 'hooks' },
    dnsNames: ['localhost'],
    lifetimeMs: 100 * day,
    nowMs: () => clock.nowMs,
    log,
    metrics,
    propagationMs,
    retireMs: 300,
    intervalMs: 20,
  });
  ends.push(() => {
    serving.close();
    webhook.server.close();
    webhook.server.closeAllConnections();
  });
  return { serving, registry, port: (webhook.server.address() as AddressInfo).port };
}

const body = JSON.stringify({
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: { uid: 'u-1', kind: { group: '', version: 'v1', kind: 'Pod' } },
});

/** One call over a connection of its own, trusting what the bundle says. */
async function call(port: number, ca: string): Promise<number> {
  const client = new WebhookClient(port, ca);
  try {
    return (await client.post(body)).status;
  } finally {
    client.close();
  }
}

describe('the certificate of a webhook', () => {
  it('is made at the first start, and API servers are told whom to trust', async () => {
    const { api, caBundle } = cluster();
    const { serving, port, registry } = await replica(api, { nowMs: Date.now() });
    expect(serving.ready).toBe(false);
    await vi.waitFor(() => expect(serving.ready).toBe(true));
    expect(await call(port, caBundle())).toBe(200);
    expect(await registry.metrics()).toMatch(
      /webhook_certificate_expiration_timestamp_seconds\{webhook="hook"\} 1\d{9}/,
    );
  });

  it('is renewed under load by two replicas without a call that fails', async () => {
    const { api, caBundle } = cluster();
    // Certificates are checked against the real clock, so the first was made in the past.
    const clock = { nowMs: Date.now() - 80 * day };
    const replicas = [await replica(api, clock), await replica(api, clock)];
    await vi.waitFor(() => expect(replicas.every(({ serving }) => serving.ready)).toBe(true));
    const first = caBundle();

    let running = true;
    let answered = 0;
    const failed: string[] = [];
    const load = replicas.flatMap(({ port }) =>
      [1, 2].map(async () => {
        while (running) {
          const trusted = caBundle();
          // An API server hears of a change a moment later.
          await new Promise((resolve) => setTimeout(resolve, 20));
          await call(port, trusted).then(
            (status) => (status === 200 ? answered++ : failed.push(String(status))),
            (error: Error) => failed.push(error.message),
          );
        }
      }),
    );
    await vi.waitFor(() => expect(answered).toBeGreaterThan(20));
    clock.nowMs = Date.now();
    await vi.waitFor(() => expect(caBundle()).not.toBe(first));
    expect(caBundle()).toContain(first);
    const second = caBundle().replace(first, '');
    for (const { port } of replicas) {
      await vi.waitFor(async () => expect(await call(port, second)).toBe(200), { timeout: 5000 });
    }
    const soFar = answered;
    await vi.waitFor(() => expect(answered).toBeGreaterThan(soFar + 20), { timeout: 5000 });
    running = false;
    await Promise.all(load);
    expect(failed).toEqual([]);
    await expect(call(replicas[0].port, first)).rejects.toThrow(/certificate/);
  });

  it('is trusted again after somebody applied the configuration without the bundle', async () => {
    const { api, stored, caBundle } = cluster();
    const { serving, port } = await replica(api, { nowMs: Date.now() });
    await vi.waitFor(() => expect(serving.ready).toBe(true));
    delete stored().webhooks[0].clientConfig.caBundle;
    await vi.waitFor(() => expect(caBundle()).not.toBe(''));
    expect(await call(port, caBundle())).toBe(200);
  });

  it('is that of the Secret of the user, which is never written', async () => {
    const { api, caBundle } = cluster();
    const nowMs = Date.now();
    const signedBy = await createAuthority({ name: 'theirs', lifetimeMs: day, nowMs });
    const leaf = await createServerCertificate({ dnsNames: ['localhost'], lifetimeMs: day, nowMs, signedBy });
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    const data = {
      'tls.crt': base64(leaf.certificate),
      'tls.key': base64(leaf.key),
      'ca.crt': base64(signedBy.certificate),
    };
    api.objects.set(secretPath, { metadata: { name: 'hook-tls' }, data } as never);
    const { serving, port } = await replica(api, { nowMs });
    await vi.waitFor(() => expect(serving.ready).toBe(true));
    expect(caBundle()).toBe(signedBy.certificate);
    expect(await call(port, signedBy.certificate)).toBe(200);
    expect(api.calls.filter((one) => one.includes('secrets') && !one.startsWith('GET'))).toEqual([]);
  });

  it('whose authority is no PEM is told, and not half used', async () => {
    const { api } = cluster();
    const nowMs = Date.now();
    const signedBy = await createAuthority({ name: 'theirs', lifetimeMs: day, nowMs });
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    const data = {
      'tls.crt': base64(signedBy.certificate),
      'tls.key': base64(signedBy.key),
      'ca.crt': base64('none'),
    };
    api.objects.set(secretPath, { metadata: { name: 'hook-tls' }, data } as never);
    const { serving, registry } = await replica(api, { nowMs });
    await vi.waitFor(async () =>
      expect(await registry.metrics()).toMatch(/webhook_certificate_errors_total\{webhook="hook"\} [1-9]/),
    );
    expect(serving.ready).toBe(false);
    expect(api.calls.filter((one) => one.startsWith('PATCH'))).toEqual([]);
  });
});
