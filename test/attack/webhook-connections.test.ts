import { once } from 'node:events';
import { Agent, request } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import pino from 'pino';
import { Registry } from 'prom-client';
import { expect } from 'vitest';
import { createAuthority, createServerCertificate } from '../../control-plane/certificates/create-certificate.ts';
import { WebhookClient } from '../../control-plane/webhook/testing/webhook-client.ts';
import { WebhookMetrics } from '../../control-plane/webhook/webhook-metrics.ts';
import { WebhookServer } from '../../control-plane/webhook/webhook-server.ts';
import { testCertificate } from '../cluster/api-server/certificates.ts';
import { vector } from './vector.ts';

vector(
  {
    who: 'net',
    attack: '600 silent connections to a webhook, opened again as they fall',
    promise: 'each call of an API server gets in and is answered; refusals are counted, and said in the log',
  },
  async () => {
    const lines: string[] = [];
    const registry = new Registry();
    const webhook = new WebhookServer({
      name: 'proxy-injector',
      handle: () => ({ allowed: true }),
      log: pino({ level: 'warn' }, { write: (line: string) => lines.push(line) }),
      metrics: new WebhookMetrics(registry),
      drainMs: 0,
    });
    const nowMs = Date.now();
    const signedBy = await createAuthority({ name: 'test', lifetimeMs: 3_600_000, nowMs });
    webhook.useCertificate(
      await createServerCertificate({ dnsNames: ['localhost'], lifetimeMs: 3_600_000, nowMs, signedBy }),
    );
    webhook.server.listen(0, '127.0.0.1');
    await once(webhook.server, 'listening');
    const { port } = webhook.server.address() as AddressInfo;
    let attacks = true;
    const silent = new Set<Socket>();
    const open = (): void => {
      const socket = connect(port, '127.0.0.1');
      silent.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => {
        silent.delete(socket);
        if (attacks) setTimeout(open, 100);
      });
    };
    for (let i = 0; i < 600; i++) open();
    await expect
      .poll(async () => registry.metrics(), { timeout: 15_000 })
      .toContain('webhook_connections_refused_total{');
    const answers: number[] = [];
    for (let i = 0; i < 20; i++) {
      // As API servers that have no connection yet.
      const client = new WebhookClient(port, signedBy.certificate);
      const reviews = [1, 2, 3, 4, 5].map(async () => {
        const { status } = await client.post(
          JSON.stringify({
            apiVersion: 'admission.k8s.io/v1',
            kind: 'AdmissionReview',
            request: { uid: 'u', kind: { group: '', version: 'v1', kind: 'Pod' } },
          }),
        );
        answers.push(status);
      });
      await Promise.all(reviews);
      client.close();
    }
    attacks = false;
    for (const socket of silent) socket.destroy();
    webhook.server.close();
    webhook.server.closeAllConnections();
    expect(answers).toEqual(new Array(100).fill(200));
    const told = lines.filter((line) => line.includes('refused: '));
    expect(told.length).toBeGreaterThan(0);
    expect(told.length).toBeLessThan(5);
  },
  60_000,
);

vector(
  {
    who: 'net',
    attack:
      'a review from a pod, with no certificate and with one of an authority of its own, where API servers have theirs',
    promise: 'no answer: the handshake fails, and only a certificate of the authorities that were named is let in',
  },
  async () => {
    const nowMs = Date.now();
    const made = { lifetimeMs: 3_600_000, nowMs };
    const server = await createAuthority({ name: 'server', ...made });
    const [clients, mallory] = await Promise.all(['CN=clients', 'CN=mallory'].map((name) => testCertificate(name)));
    const webhook = new WebhookServer({
      name: 'proxy-injector',
      handle: () => ({ allowed: true }),
      log: pino({ level: 'silent' }),
      metrics: new WebhookMetrics(new Registry()),
      clientAuthorities: clients.cert,
    });
    webhook.useCertificate(await createServerCertificate({ dnsNames: ['localhost'], ...made, signedBy: server }));
    webhook.server.listen(0, '127.0.0.1');
    await once(webhook.server, 'listening');
    const { port } = webhook.server.address() as AddressInfo;
    const call = async (own?: { readonly cert: string; readonly key: string }): Promise<string> => {
      const agent = new Agent({ ca: server.certificate, servername: 'localhost', cert: own?.cert, key: own?.key });
      return new Promise((resolve) => {
        const sent = request({ agent, host: '127.0.0.1', port, method: 'POST' }, (response) => {
          response.resume();
          resolve(`answered ${response.statusCode}`);
        });
        sent.on('error', () => resolve('no answer'));
        sent.end();
      });
    };
    expect(await call()).toBe('no answer');
    expect(await call(await testCertificate('CN=kube-apiserver', mallory))).toBe('no answer');
    expect(await call(await testCertificate('CN=kube-apiserver', clients))).toBe('answered 415');
    webhook.server.close();
    webhook.server.closeAllConnections();
  },
);
