import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { injectConfig } from '../../../lib/inject/index.ts';
import { apiServerMissing, startApiServer, type TestApiServer } from './api-server.ts';
import { type ControlPlaneProcess, startControlPlane } from './control-plane-process.ts';
import { meshObjects, webhookConfiguration } from './mesh-objects.ts';

interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string; readonly labels: Record<string, string> };
  readonly spec: { readonly initContainers?: readonly { readonly name: string }[] };
}

const hooks =
  '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/tulle-tulle-proxy-injector-webhook-config';
const pods = '/api/v1/namespaces/shop/pods';
const template = { spec: { serviceAccountName: 'default', containers: [{ name: 'web', image: 'shop/web' }] } };
const sidecars = ({ spec }: Pod) => (spec.initContainers ?? []).map(({ name }) => name);

describe.skipIf(apiServerMissing)(`the injector${apiServerMissing ? ` (${apiServerMissing})` : ''}`, () => {
  let server: TestApiServer;
  let injector: ControlPlaneProcess;

  beforeAll(async () => {
    server = await startApiServer();
    const apply = async (objects: readonly object[]) =>
      server.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
    const shop = {
      name: 'shop',
      annotations: { 'tulle.dev/inject': 'enabled', 'config.tulle.dev/opaque-ports': '9000' },
    };
    await apply([
      ...meshObjects('Namespace'),
      ...meshObjects('ServiceAccount', 'Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'),
      { apiVersion: 'v1', kind: 'Namespace', metadata: shop },
    ]);
    // With what the install grants it, and nothing more.
    const kubeconfig = server.kubeconfigFor({ token: await server.token('tulle', 'tulle-proxy-injector') });
    const values = join(server.folder, 'values');
    writeFileSync(values, JSON.stringify(injectConfig()));
    injector = await startControlPlane('proxy-injector', [
      '--addr=127.0.0.1:0',
      '--admin-addr=127.0.0.1:0',
      `--kubeconfig=${kubeconfig}`,
      `--config-file=${values}`,
      '--webhook-names=localhost',
      '--certificate-lifetime=60s',
    ]);
    await apply([webhookConfiguration('MutatingWebhookConfiguration', 'proxy-injector', injector.httpsPorts[0])]);
    await vi.waitFor(async () => expect(await injector.ready()).toBe(200), { timeout: 20_000 });
    await vi.waitFor(() => create('first'), { timeout: 20_000, interval: 200 });
  }, 120_000);
  afterAll(async () => {
    expect(await injector?.stop()).toBe(0);
    await server?.stop();
  });

  const create = (name: string, metadata: object = {}) =>
    server.client.create<Pod>(pods, { apiVersion: 'v1', kind: 'Pod', metadata: { name, ...metadata }, ...template });

  test('gives a pod that is created its sidecar; the API server takes the patch', async () => {
    const pod = await create('web');
    expect(sidecars(pod)).toEqual(['tulle-init', 'tulle-proxy']);
    expect(pod.metadata.labels).toMatchObject({
      'linkerd.io/control-plane-ns': 'tulle',
      'linkerd.io/workload-ns': 'shop',
    });
  });

  test('labels it with the Deployment of its ReplicaSet, and tells that one of it', async () => {
    const apps = '/apis/apps/v1/namespaces/shop';
    const selector = { matchLabels: { app: 'web' } };
    const labelled = { ...template, metadata: { labels: { app: 'web' } } };
    const make = (kind: string, name: string, ownerReferences: object[]) =>
      server.client.create<Pod>(`${apps}/${kind.toLowerCase()}s`, {
        apiVersion: 'apps/v1',
        kind,
        metadata: { name, ownerReferences },
        spec: { selector, template: labelled },
      });
    const owned = (kind: string, { metadata: { name, uid } }: Pod) => [
      { apiVersion: 'apps/v1', kind, name, uid, controller: true },
    ];
    const deployment = await make('Deployment', 'web', []);
    const replicaSet = await make('ReplicaSet', 'web-abc', owned('Deployment', deployment));
    const pod = await create('web-abc-1', { ownerReferences: owned('ReplicaSet', replicaSet) });
    expect(pod.metadata.labels['linkerd.io/proxy-deployment']).toBe('web');
    await vi.waitFor(async () => {
      const { items } = await server.client.get<{ items: object[] }>('/api/v1/namespaces/shop/events');
      expect(items).toContainEqual(
        expect.objectContaining({
          reason: 'Injected',
          involvedObject: expect.objectContaining({ kind: 'Deployment', name: 'web', uid: deployment.metadata.uid }),
        }),
      );
    });
  });

  test('tells a Service its opaque ports; a wrong setting costs no pod its sidecar', async () => {
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'db', namespace: 'shop' },
      spec: { ports: [{ port: 9000 }] },
    };
    const made = await server.client.create<{ metadata: { annotations: object } }>(
      '/api/v1/namespaces/shop/services',
      service,
    );
    expect(made.metadata.annotations).toEqual({ 'config.tulle.dev/opaque-ports': '9000' });
    const annotations = { 'config.tulle.dev/proxy-cpu-limit': 'much' };
    const pod = await create('odd', { annotations });
    expect(sidecars(pod)).toEqual(['tulle-init', 'tulle-proxy']);
  });

  test('sees a namespace that was made a moment ago', async () => {
    await server.client.create('/api/v1/namespaces', {
      metadata: { name: 'new', annotations: { 'tulle.dev/inject': 'enabled' } },
    });
    const pod = await server.client.create<Pod>('/api/v1/namespaces/new/pods', {
      metadata: { name: 'a' },
      ...template,
    });
    expect(sidecars(pod)).toEqual(['tulle-init', 'tulle-proxy']);
  });

  test('puts its authority back when somebody writes another caBundle', async () => {
    const other = Buffer.from(server.ca).toString('base64');
    const [webhook] = (await server.client.get<{ webhooks: { clientConfig: object }[] }>(hooks)).webhooks;
    await server.client.patch(
      hooks,
      { webhooks: [{ ...webhook, clientConfig: { ...webhook.clientConfig, caBundle: other } }] },
      'merge',
    );
    await vi.waitFor(() => create('after-repair'), { timeout: 20_000, interval: 200 });
    expect(await injector.metric('webhook_ca_bundle_patches_total{webhook="proxy-injector"}')).toBeGreaterThan(1);
  });

  test('renews its certificate while pods are created, and none fails or goes without', {
    timeout: 90_000,
  }, async () => {
    const series = 'webhook_certificate_expiration_timestamp_seconds{webhook="proxy-injector"}';
    const first = await injector.metric(series);
    const plain: string[] = [];
    let created = 0;
    let renewed = false;
    let after = 0;
    while (after < 20) {
      // Rejects when the API server cannot reach the webhook: the failure policy is Fail.
      const pod = await create(`load-${created}`);
      created++;
      if (sidecars(pod).length !== 2) plain.push(pod.metadata.name);
      if (!renewed && created % 20 === 0) renewed = (await injector.metric(series)) > first;
      if (renewed) after++;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(plain).toEqual([]);
    expect(created).toBeGreaterThan(100);
  });
});
