import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { KubernetesClient } from '../../../control-plane/kubernetes/client.ts';
import { connectToCluster } from '../../../control-plane/kubernetes/connect.ts';
import { apiServerMissing, startApiServer, type TestApiServer } from './api-server.ts';
import { meshInstall, meshObjects } from './mesh-objects.ts';

const kinds = meshInstall()
  .map(({ kind }) => kind)
  .filter((kind) => !['CustomResourceDefinition', 'Deployment', 'ConfigMap', 'Service'].includes(kind));

describe.skipIf(apiServerMissing)(`a component that was broken into (${apiServerMissing ?? 'as its account'})`, () => {
  let server: TestApiServer;
  const soon = { timeout: 60_000, interval: 200 };
  const clients = new Map<string, KubernetesClient>();
  beforeAll(async () => {
    server = await startApiServer();
    const items = meshObjects(...kinds);
    await server.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    for (const component of ['identity', 'destination', 'proxy-injector']) {
      const token = await server.token('tulle', `tulle-${component}`);
      const kubeconfig = await server.kubeconfigFor({ token });
      clients.set(
        component,
        await connectToCluster({ kubeconfig, env: {}, onProblem: () => {}, userAgent: `test-${component}` }),
      );
    }
    // Policies take a moment until they hold.
    const told = (call: Promise<unknown>): Promise<string> => call.then(() => 'taken', String);
    const change = { metadata: { annotations: { changed: 'yes' } } };
    await vi.waitFor(async () => {
      const answers = [
        told(as('proxy-injector').patch(`${configuration}?dryRun=All`, change, 'merge')),
        told(as('identity').create(`${secrets}?dryRun=All`, secret('other'))),
      ];
      expect(await answers[0]).toContain('nothing of its metadata');
      expect(await answers[1]).toContain('and no others');
    }, soon);
  }, 120_000);
  afterAll(async () => {
    for (const client of clients.values()) client.close();
    await server?.stop();
  });

  const as = (component: string): KubernetesClient => clients.get(component) as KubernetesClient;
  const configuration =
    '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/tulle-tulle-proxy-injector-webhook-config';
  type Webhook = { clientConfig: Record<string, unknown>; [field: string]: unknown };
  type Configuration = { metadata: { labels: object }; webhooks: Webhook[] };
  const patched = async (change: (found: Configuration) => object) =>
    as('proxy-injector').patch(
      configuration,
      change(await as('proxy-injector').get<Configuration>(configuration)),
      'merge',
    );
  const withWebhook = (change: (webhook: Webhook) => object) =>
    patched(({ webhooks: [webhook] }) => ({ webhooks: [change(webhook)] }));
  const secret = (name: string, more: object = {}) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name },
    ...more,
  });
  const secrets = '/api/v1/namespaces/tulle/secrets';

  test('writes its caBundle', async () => {
    const caBundle = Buffer.from(server.ca).toString('base64');
    await withWebhook((webhook) => ({ ...webhook, clientConfig: { ...webhook.clientConfig, caBundle } }));
  });

  test.each<[string, (webhook: Webhook) => object]>([
    [
      'what is sent',
      (webhook) => ({
        ...webhook,
        rules: [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*/*'], scope: '*' }],
      }),
    ],
    ['which namespaces', (webhook) => ({ ...webhook, namespaceSelector: {} })],
    ['which objects', (webhook) => ({ ...webhook, objectSelector: {} })],
    ['who is asked', (webhook) => ({ ...webhook, clientConfig: { url: 'https://mallory.example/' } })],
    [
      'which Service is asked',
      (webhook) => ({ ...webhook, clientConfig: { service: { name: 'mallory', namespace: 'shop' } } }),
    ],
    ['what becomes of objects without an answer', (webhook) => ({ ...webhook, failurePolicy: 'Fail' })],
    ['whether it is asked again', (webhook) => ({ ...webhook, reinvocationPolicy: 'IfNeeded' })],
    ['its name', (webhook) => ({ ...webhook, name: 'other.tulle.dev' })],
    ['conditions', (webhook) => ({ ...webhook, matchConditions: [{ name: 'x', expression: 'true' }] })],
  ])('cannot change %s', async (_, change) => {
    await expect(withWebhook(change)).rejects.toThrow(/and nothing else of it/);
  });

  test('cannot add a webhook, nor have another give it its bundle', async () => {
    await expect(
      patched(({ webhooks: [webhook] }) => ({ webhooks: [webhook, { ...webhook, name: 'other.tulle.dev' }] })),
    ).rejects.toThrow(/and nothing else of it/);
    await expect(
      patched(() => ({ metadata: { annotations: { 'cert-manager.io/inject-ca-from': 'shop/mallory' } } })),
    ).rejects.toThrow(/nothing of its metadata/);
  });

  test('creates its own Secret, and none that others trust', async () => {
    await as('proxy-injector').create(secrets, secret('tulle-proxy-injector-k8s-tls'));
    for (const name of ['tulle-identity-issuer', 'tulle-identity-trust-anchor', 'anything']) {
      await expect(as('proxy-injector').create(secrets, secret(name))).rejects.toThrow(/and no others/);
    }
    await expect(as('destination').create(secrets, secret('tulle-identity-issuer'))).rejects.toThrow(/and no others/);
    await as('identity').create(secrets, secret('tulle-identity-issuer'));
    await expect(
      as('identity').create('/api/v1/namespaces/tulle/configmaps', { metadata: { name: 'tulle-config' } }),
    ).rejects.toThrow(/and no others/);
  });

  test("gets no other account's token by a Secret of its own name", async () => {
    await expect(
      as('destination').create(secrets, {
        ...secret('tulle-sp-validator-k8s-tls', { type: 'kubernetes.io/service-account-token' }),
        metadata: {
          name: 'tulle-sp-validator-k8s-tls',
          annotations: { 'kubernetes.io/service-account.name': 'tulle-identity' },
        },
      }),
    ).rejects.toThrow(/filled with a token/);
  });
});
