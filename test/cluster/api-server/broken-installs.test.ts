import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CommandRun, run } from '../../../cli/testing/run.ts';
import { injectConfig, injectManifest, type PodTemplate } from '../../../lib/inject/index.ts';
import { apiServerMissing, startApiServer, type TestApiServer } from './api-server.ts';
import { testCertificate } from './certificates.ts';
import { listOf, pretendHealthyMesh, pretendPod, tlsSecret, trustRoots } from './healthy-mesh.ts';
import { startLyingProxy } from './lying-proxy.ts';

/** What is wrong, and how each check that asks about it must say so. */
type Told = Readonly<Record<string, string | RegExp>>;

interface CheckResult {
  readonly description: string;
  readonly result: string;
  readonly error?: string;
}

/** Pods of these are on no node, and nobody dials them: the API server leads to no address of its own machine. */
const podAddress = '127.0.0.9';
const ended = / has ended on /;

/** One cluster that breaks from test to test. */
describe.skipIf(apiServerMissing)(`check of broken installs${apiServerMissing ? ` (${apiServerMissing})` : ''}`, () => {
  let server: TestApiServer;
  /** Checks that were asked, and those that were seen to fail. */
  const asked = new Set<string>();
  const failed = new Set<string>();

  beforeAll(async () => {
    server = await startApiServer();
    const { out: manifests } = await run(['install', '--ignore-cluster']);
    await pretendHealthyMesh(server, manifests, 'tulle', 365);
    const labels = { 'config.tulle.dev/admission-webhooks': 'disabled' };
    const shop = { name: 'shop', labels, annotations: { 'tulle.dev/inject': 'enabled' } };
    await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: shop });
  }, 120_000);
  afterAll(() => server?.stop());

  const apply = (...items: object[]): Promise<string> => server.kubectl(['apply', '-f', '-'], listOf(items));

  async function check(args: readonly string[], kubeconfig = server.kubeconfig): Promise<CheckResult[]> {
    const command = ['check', ...args, '--wait', '1ms', '-o', 'json', '--kubeconfig', kubeconfig];
    const { out } = await run(command).catch((failure: CommandRun) => failure);
    const { categories } = JSON.parse(out) as { categories: { checks: CheckResult[] }[] };
    const checks = categories.flatMap((category) => category.checks);
    for (const { description, result, error } of checks) {
      asked.add(description);
      // A question that could not be asked is no answer.
      if (result !== 'success' && !error?.includes('not known')) failed.add(description);
    }
    return checks;
  }

  function expectTold(checks: readonly CheckResult[], told: Told): void {
    for (const [description, message] of Object.entries(told)) {
      const { result, error } = checks.find((one) => one.description === description) ?? {};
      expect(result, `${description} was not asked, or did well`).toMatch(/error|warning/);
      expect(error, description).toMatch(message);
    }
  }

  test('a mesh that does well has nothing but the Gateway API to be told of', async () => {
    const wrong = (await check([])).filter(({ result }) => result !== 'success');
    expect(wrong.map(({ description }) => description)).toEqual(['Gateway API CRDs are installed']);
  });

  test('a cluster that cannot be reached, and one that is none', async () => {
    const nowhere = join(server.folder, 'no-such-kubeconfig');
    expectTold(await check([], nowhere), { 'can initialize the client': nowhere });
    const away = server.kubeconfigFor({ server: 'http://127.0.0.1:1' });
    expectTold(await check([], away), { 'can query the Kubernetes API': 'ECONNREFUSED' });
  });

  test('a user who may do nothing', async () => {
    const checks = await check(['--pre', '--as', 'somebody', '--as-group', 'system:authenticated']);
    const may = checks.filter(({ description }) => description.startsWith('can create '));
    expect(may).toHaveLength(12);
    expectTold(checks, {
      ...Object.fromEntries(may.map(({ description }) => [description, /^you may not create /])),
      'can grant the permissions of the control plane': 'forbidden',
    });
  });

  test('a cluster that is old, whose clock is wrong, and that has lost the namespace', async () => {
    const gone = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404 };
    const proxy = await startLyingProxy(server, {
      '/version': { status: 200, body: { gitVersion: 'v1.28.3', major: '1', minor: '28' } },
      '/api/v1/namespaces/tulle': { status: 404, body: gone },
      '/apis/authentication.k8s.io/v1/selfsubjectreviews': {
        ...{ status: 201, body: { metadata: { creationTimestamp: '2020-01-01T00:00:00Z' } } },
      },
    });
    try {
      const kubeconfig = server.kubeconfigFor({ server: proxy.url });
      expectTold(await check([], kubeconfig), {
        'is running the minimum Kubernetes API version': 'the cluster is v1.28.3: 1.29 is needed',
        'control plane Namespace exists': 'namespace tulle is not there',
      });
      expectTold(await check(['--pre'], kubeconfig), { 'no clock skew detected': 'differ by' });
    } finally {
      proxy.close();
    }
  });

  test('nodes with two kinds of addresses, a namespace that is taken, one that is not there, and no mesh', async () => {
    const podCIDRs = ['203.0.113.0/24', '2001:db8::/64'];
    await apply({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'one' },
      spec: { podCIDR: podCIDRs[0], podCIDRs },
    });
    expectTold(await check(['--pre']), {
      'every address of pods is led to the proxies': 'pods have IPv6 addresses too (2001:db8::/64)',
      'control plane namespace does not already exist': 'namespace tulle is there',
    });
    expectTold(await check(['--proxy', '-n', 'nowhere']), {
      'data plane namespace exists': 'namespace nowhere is not there',
    });
    expectTold(await check(['-L', 'nowhere']), {
      "'tulle-config' config map exists": 'no mesh is installed in namespace nowhere',
    });
  });

  test('an install that has lost objects, whose pods do not run and whose certificates are bad', async () => {
    await breakControlPlane();
    await breakDataPlane();
    expectTold(await check(['--proxy']), {
      'control plane replica sets are ready': 'Deployment tulle/tulle-destination has 0 of 1 replicas ready',
      'no unschedulable pods': 'tulle/tulle-identity: no node has room',
      'control plane pods are ready': 'tulle/tulle-destination: container destination is not ready',
      'cluster networks contain all node podCIDRs': 'one: 203.0.113.0/24',
      'cluster networks contain all pods': `pod shop/web: ${podAddress}`,
      'control plane CustomResourceDefinitions exist': 'missing: faultinjections.tulle.dev',
      'control plane ClusterRoles exist': /ClusterRole tulle-tulle-\S+ is not there/,
      'control plane ClusterRoleBindings exist': /ClusterRoleBinding tulle-tulle-\S+ is not there/,
      'control plane ServiceAccounts exist': 'ServiceAccount tulle/tulle-destination is not there',
      'control plane MutatingWebhookConfigurations exist': 'tulle-tulle-proxy-injector-webhook-config is not there',
      'control plane ValidatingWebhookConfigurations exist': 'tulle-tulle-sp-validator-webhook-config is not there',
      'trust anchors are using supported crypto algorithm': 'CN=root must have an ECDSA P-256 key',
      'trust anchors are within their validity period': ended,
      'trust anchors are valid for at least 60 days': ended,
      'issuer cert is using supported crypto algorithm': 'CN=issuer must have an ECDSA P-256 key',
      'issuer cert is within its validity period': ended,
      'issuer cert is valid for at least 60 days': ended,
      'issuer cert is issued by the trust anchor': 'CN=issuer is signed by none of the trust anchors',
      'proxy-injector webhook has valid cert': 'is not there',
      'proxy-injector cert is valid for at least 60 days': 'is not there',
      'sp-validator webhook has valid cert': 'is not there',
      'sp-validator cert is valid for at least 60 days': 'is not there',
      'policy-validator webhook has valid cert':
        /CN=other is not for tulle-policy-validator.tulle.svc[\s\S]*signed by none/,
      'policy-validator cert is valid for at least 60 days': ' ends on ',
      'control plane is of one version': 'pods run 0.1.0, v9',
      'control plane and cli versions match': 'control plane running v9 but cli running 0.1.0',
      'control plane proxies are healthy': 'the sidecar of tulle/tulle-destination is not ready',
      'control plane proxies and cli versions match': 'tulle/tulle-identity runs v9 but cli is 0.1.0',
      'data plane proxies have valid certificates': 'shop/web: ',
      'data plane proxies know the trust anchors of the bundle': 'shop/web does not tell which trust anchors it knows',
      'data plane proxies are ready': 'the sidecar of shop/web is not ready',
      'pods that were to have a sidecar have one': 'shop/bare has no sidecar, and its calls are not protected',
      'namespaces let their sidecars in': 'namespace strict asks for sidecars (tulle.dev/inject: enabled)',
      'quotas let pods with sidecars in': 'quota shop/quota refuses new pods with a sidecar, for want of limits.cpu',
      'autoscalers can tell the use of pods with sidecars': 'autoscaler shop/web scales nothing',
      'data plane and cli versions match': 'shop/web runs v9 but cli is 0.1.0',
      'data plane proxies get the IPv6 connections of their pods': 'shop/web has an IPv6 address',
      'data plane pod labels are configured correctly': 'config.linkerd.io/proxy-log-level must be an annotation',
      'data plane service labels are configured correctly': 'tulle.dev/inject must be an annotation',
      'opaque ports are properly annotated': 'service shop/web: port 80 is opaque, and 80 of its pods is not',
    });
  });

  test('an install that was applied just now, for a network that is not that of the cluster', async () => {
    const install = ['install', '-L', 'narrow', '--ignore-cluster', '--ha', '--cluster-networks', '192.168.0.0/16'];
    await server.kubectl(['apply', '-f', '-'], (await run(install)).out);
    expectTold(await check(['-L', 'narrow']), {
      'control plane pods are ready': 'no pod of narrow/tulle-identity is there',
      'cluster networks contain all services':
        /service default\/kubernetes: 10\.96\.0\.1 is not in the cluster networks/,
      'certificate config is valid': 'ConfigMap narrow/tulle-identity-trust-roots is not there',
      'can retrieve the control plane version': 'no pod of the control plane tells its version',
      'control plane proxies are healthy': 'no pod of the control plane is there',
      'multiple replicas of control plane pods': 'tulle-identity has 0 pods that are ready',
    });
  });

  test('so that each check has failed once', async () => {
    expect([...asked].filter((description) => !failed.has(description))).toEqual([]);
    expect(asked.size).toBeGreaterThan(60);
  });

  async function breakControlPlane(): Promise<void> {
    const path = '/api/v1/namespaces/tulle/pods';
    const status = (of: string, name: string, status: object): Promise<unknown> =>
      server.client.patch(`${of}/${name}/status`, { status }, 'merge');
    await status('/apis/apps/v1/namespaces/tulle/deployments', 'tulle-destination', {
      readyReplicas: 0,
      availableReplicas: 0,
    });
    const notReady = (name: string): object => ({ name, ready: false, restartCount: 0, image: 'x', imageID: 'x' });
    await status(path, 'tulle-destination', {
      containerStatuses: [notReady('destination')],
      initContainerStatuses: [notReady('tulle-proxy')],
    });
    await status(path, 'tulle-identity', {
      conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: 'no node has room' }],
    });
    const pod = await server.client.get<{ spec: { containers: Image[]; initContainers: Image[] } }>(
      `${path}/tulle-identity`,
    );
    const old = (containers: readonly Image[]): Image[] =>
      containers.map((container) => ({ ...container, image: container.image.replace(/:[^:]+$/, ':v9') }));
    const { spec } = pod;
    await server.client.replace(`${path}/tulle-identity`, {
      ...pod,
      spec: { ...spec, containers: old(spec.containers), initContainers: old(spec.initContainers) },
    });

    const anchor = await testCertificate('CN=root', undefined, [], { curve: 'P-384', endsIn: -1 });
    const issuer = await testCertificate('CN=issuer', undefined, [], { curve: 'P-384', endsIn: -1 });
    const serving = await testCertificate('CN=other', undefined, [{ type: 'dns', value: 'other.tulle.svc' }], {
      endsIn: 1,
    });
    await apply(
      trustRoots('tulle', anchor),
      tlsSecret('tulle', 'tulle-identity-issuer', issuer),
      tlsSecret('tulle', 'tulle-policy-validator-k8s-tls', serving),
    );
    await server.kubectl(['delete', 'crd', 'faultinjections.tulle.dev']);
    const roles = ['clusterrole', 'clusterrolebinding'].map((kind) => `${kind}/tulle-tulle-destination`);
    const webhooks = [
      'mutatingwebhookconfiguration/tulle-tulle-proxy-injector',
      'validatingwebhookconfiguration/tulle-tulle-sp-validator',
    ];
    await server.kubectl(['delete', ...roles, ...webhooks.map((name) => `${name}-webhook-config`)]);
    await server.kubectl(['-n', 'tulle', 'delete', 'serviceaccount', 'tulle-destination']);
  }

  async function breakDataPlane(): Promise<void> {
    const metadata = (name: string, more: object = {}) => ({ name, namespace: 'shop', ...more });
    const containers = [{ name: 'web', image: 'web', ports: [{ containerPort: 80 }] }];
    const annotations = { 'config.tulle.dev/proxy-version': 'v9' };
    const deployment = {
      ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: metadata('web') },
      spec: {
        template: {
          metadata: { labels: { app: 'web' }, annotations },
          spec: { serviceAccountName: 'web', containers },
        },
      },
    };
    const { object } = injectManifest(deployment, injectConfig(), {
      request: 'enabled',
    });
    const template = object.spec?.template as PodTemplate;
    const labels = { ...template.metadata?.labels, 'config.linkerd.io/proxy-log-level': 'debug' };
    const since = {
      state: { running: { startedAt: '2020-01-01T00:00:00Z' } },
      image: 'x',
      imageID: 'x',
      restartCount: 0,
    };
    await pretendPod(
      server,
      { ...template, metadata: { ...template.metadata, ...metadata('web'), labels } },
      {
        podIP: podAddress,
        podIPs: [{ ip: podAddress }, { ip: 'fd00::9' }],
        initContainerStatuses: [{ name: 'tulle-proxy', ready: false, ...since }],
      },
    );
    await pretendPod(server, { metadata: metadata('bare'), spec: { containers: [{ name: 'bare', image: 'bare' }] } });
    const { name: strict, ...asking } = {
      name: 'strict',
      labels: { 'pod-security.kubernetes.io/enforce': 'restricted' },
      annotations: { 'tulle.dev/inject': 'enabled' },
    };
    await apply(
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: strict, ...asking } },
      {
        ...{ apiVersion: 'v1', kind: 'Service', spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } },
        metadata: metadata('web', {
          labels: { 'tulle.dev/inject': 'enabled' },
          annotations: { 'config.tulle.dev/opaque-ports': '80' },
        }),
      },
      { apiVersion: 'v1', kind: 'ResourceQuota', metadata: metadata('quota'), spec: { hard: { 'limits.cpu': '1' } } },
      {
        ...{ apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: metadata('web') },
        spec: {
          scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
          maxReplicas: 3,
          metrics: [
            { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } },
          ],
        },
      },
    );
  }
});

interface Image {
  readonly image: string;
}
