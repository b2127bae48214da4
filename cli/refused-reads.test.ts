import { afterEach, describe, expect, it } from 'vitest';
import { injectConfig } from '../lib/inject/index.ts';
import { CommandError } from './terminal.ts';
import { type FakeApi, fakeApi } from './testing/fake-api.ts';
import { type CommandRun, run } from './testing/run.ts';

const sidecar = { name: 'tulle-proxy', image: 'tulle-proxy:0.1.0', readinessProbe: { httpGet: { port: 4191 } } };
const meshed = (name: string, namespace: string, labels: object) => ({
  metadata: {
    name,
    namespace,
    labels: { 'linkerd.io/control-plane-ns': 'tulle', 'pod-template-hash': 'abc', ...labels },
    ownerReferences: [{ kind: 'ReplicaSet', name: 'web-abc' }],
  },
  spec: { initContainers: [sidecar], containers: [{ name: 'app', image: 'app' }] },
  status: { phase: 'Running', initContainerStatuses: [{ name: 'tulle-proxy', ready: true }] },
});
/** One that was to have a sidecar. */
const bare = {
  metadata: { name: 'late-1', namespace: 'shop', annotations: { 'tulle.dev/inject': 'enabled' } },
  spec: { containers: [{ name: 'app', image: 'app' }] },
  status: { phase: 'Running' },
};
const shopPods = { items: [meshed('web-abc-1', 'shop', {}), bare] };
const named = (name: string, owner?: object) => ({
  metadata: { name, namespace: 'shop', ownerReferences: owner && [owner] },
});
const answers = {
  '/version': { gitVersion: 'v1.34.0', major: '1', minor: '34' },
  '/api/v1/namespaces/tulle/configmaps/tulle-config': {
    data: { values: JSON.stringify(injectConfig()), install: '{"given":{}}' },
  },
  '/api/v1/namespaces/tulle/pods': {
    items: [meshed('tulle-destination-1', 'tulle', { 'linkerd.io/control-plane-component': 'destination' })],
  },
  '/api/v1/pods': shopPods,
  '/api/v1/namespaces/shop/pods': shopPods,
  '/api/v1/namespaces': { items: [{ metadata: { name: 'shop' } }] },
  '/api/v1/namespaces/shop': { metadata: { name: 'shop' } },
  '/api/v1/nodes': { items: [] },
  '/apis/apps/v1/namespaces/shop/deployments': { items: [named('web')] },
  '/apis/apps/v1/namespaces/shop/replicasets': { items: [named('web-abc', { kind: 'Deployment', name: 'web' })] },
  '/api/v1/namespaces/shop/pods/web-abc-1:4191/proxy/metrics':
    'control_identity_cert_expiration_timestamp_seconds 9e12\n' +
    `route_response_total{dst="web.shop.svc.cluster.local:80",direction="outbound",rt_route="a",classification="success"} 1\n`,
  // To every question whether something is allowed.
  '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews': { status: { allowed: false } },
  ...Object.fromEntries(
    [
      ['/apis/rbac.authorization.k8s.io/v1/rolebindings', '/apis/rbac.authorization.k8s.io/v1/roles'],
      ['/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', '/apis/rbac.authorization.k8s.io/v1/clusterroles'],
      ['/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations'],
      ['/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations'],
      ['/apis/apiextensions.k8s.io/v1/customresourcedefinitions', '/apis/apps/v1/deployments'],
      ['/apis/policy/v1/poddisruptionbudgets', '/apis/autoscaling/v2/horizontalpodautoscalers'],
      ['/apis/networking.k8s.io/v1/networkpolicies', '/api/v1/services', '/api/v1/namespaces/shop/services'],
      ['/api/v1/serviceaccounts', '/api/v1/configmaps', '/apis/linkerd.io/v1alpha2/serviceprofiles'],
      ['/api/v1/resourcequotas', '/api/v1/limitranges'],
      ['/api/v1/namespaces/shop/resourcequotas', '/api/v1/namespaces/shop/limitranges'],
      ['/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers'],
    ]
      .flat()
      .map((path) => [path, { items: [] }]),
  ),
};

/** A kind of right: `GET pods`, `GET pods/proxy`, as far as a Role tells them apart. */
function rightOf(call: string): string {
  const [method, path] = call.split(' ');
  const match = /^\/api(?:s\/[^/]+)?\/[^/]+\/(?:namespaces\/([^/]+)\/)?([^/]+)(?:\/[^/]+)?(?:\/([^/]+))?/.exec(path);
  if (match === null) return call;
  const [, namespace, plural, subresource] = match;
  return `${method} ${plural}${subresource ? `/${subresource}` : ''}${namespace === undefined ? '' : ` in ${namespace}`}`;
}

let api: FakeApi | undefined;
afterEach(() => {
  api?.close();
  api = undefined;
});

async function runOn(
  args: readonly string[],
  refuses?: (call: string) => boolean,
  others: Readonly<Record<string, object>> = {},
): Promise<CommandRun> {
  api?.close();
  api = await fakeApi({ ...answers, ...others }, refuses);
  return run([...args, '--kubeconfig', api.kubeconfig], {
    input: 'apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers: [{name: web, image: shop/web}]\n',
  }).catch((failure: CommandRun) => failure);
}

const window = ['-t', '10ms'];
const noWait = ['--wait', '1ms'];
describe.each([
  [['check', ...noWait]],
  [['check', '--pre', ...noWait]],
  [['check', '--proxy', ...noWait]],
  [['check', '--proxy', '-n', 'shop', ...noWait]],
  [['version', '--proxy']],
  [['version', '--proxy', '-n', 'shop']],
  [['stat', 'deploy', '-n', 'shop', ...window]],
  [['stat', 'deploy/web', '-n', 'shop', '--to', 'deploy/web', ...window]],
  [['stat', 'pods', '-n', 'shop', ...window]],
  [['stat', 'ns', '-n', 'shop', ...window]],
  [['stat', 'ns/shop', ...window]],
  [['routes', 'deploy/web', '-n', 'shop', ...window]],
  [['routes', 'svc/web', '-n', 'shop', ...window]],
  [['diagnostics', 'proxy-metrics', 'deploy/web', '-n', 'shop']],
  [['diagnostics', 'controller-metrics']],
  [['diagnostics', 'endpoints', 'web.shop.svc.cluster.local:80', '--destination-pod', 'tulle-destination-1']],
  [['diagnostics', 'policy', 'deploy/web', '80', '-n', 'shop', '--destination-pod', 'tulle-destination-1']],
  [['diagnostics', 'policy', 'svc/web', '80', '-n', 'shop']],
  [['install']],
  [['install', '--ipv6']],
  [['upgrade']],
  [['prune']],
  [['uninstall']],
  [['uninstall', '--force']],
  [['inject', '--manual', '-']],
])('tulle %j', (args) => {
  it('ends in order, and says what it was, whichever right its user lacks', async () => {
    await runOn(args);
    const rights = new Set([...(api?.asked ?? [])].map(rightOf));
    expect(rights.size).toBeGreaterThan(0);
    for (const right of rights) {
      const { out, err, error } = await runOn(args, (call) => rightOf(call) === right);
      const said = `${out}${err}${error?.message ?? ''}`;
      if (error !== undefined) expect(error, `${right}: ${error.stack}`).toBeInstanceOf(CommandError);
      expect([0, 1]).toContain(error === undefined ? 0 : (error as CommandError).exitCode);
      const [what] = right.split(' ')[1].split('/').filter(Boolean);
      expect(said, `without ${right}: ${said}`).toMatch(
        new RegExp(`you may not .*${what}.*kubectl auth can-i .*${what}`),
      );
    }
  }, 60_000);
});

describe('without one right', () => {
  const without = (right: string) => (call: string) => rightOf(call) === right;
  const rows = (text: string): string[] =>
    text
      .split('\n')
      .slice(1, -1)
      .map((line) => line.split(' ')[0]);

  it('stat knows the Deployments that have pods', async () => {
    const { out, err } = await runOn(['stat', 'deploy', '-n', 'shop', ...window], without('GET deployments in shop'));
    expect(rows(out)).toEqual(['web']);
    expect(err).toContain(
      'warning: only deployments with pods are known: you may not list deployments.apps in namespace shop: ' +
        "see 'kubectl auth can-i list deployments.apps --namespace shop'\n",
    );
  });

  it('stat asks for a namespace by its name, and of all for its own alone', async () => {
    const refuses = (call: string) => ['GET /api/v1/namespaces', 'GET /api/v1/pods'].includes(call);
    const one = await runOn(['stat', 'ns/shop', ...window], refuses);
    expect([rows(one.out), one.err]).toEqual([['shop'], expect.not.stringContaining('may not')]);
    const all = await runOn(['stat', 'ns', '-n', 'shop', ...window], refuses);
    expect(rows(all.out)).toEqual(['shop']);
    expect(all.err).toContain('only namespace shop is looked at: you may not list pods in all namespaces');
  });

  it('check says of each what is not known, counts it as a warning, and asks the rest', async () => {
    const all = await runOn(['check', '-o', 'json', ...noWait]);
    const { out } = await runOn(['check', '-o', 'json', ...noWait], without('GET deployments in tulle'));
    type Told = { categories: { checks: { description: string; result: string; error?: string }[] }[] };
    const checks = (text: string) => (JSON.parse(text) as Told).categories.flatMap((category) => category.checks);
    expect(checks(out).map(({ description }) => description)).toEqual(
      checks(all.out).map(({ description }) => description),
    );
    const [ready] = checks(out).filter(({ description }) => description.includes('replica sets'));
    expect([ready.result, ready.error]).toEqual([
      'warning',
      expect.stringMatching(
        /^not known: you may not get deployments\.apps\/tulle-\w+ in namespace tulle: see 'kubectl/,
      ),
    ]);
  });

  it('check names pods that are not ready where it may not read what should be there', async () => {
    const [pod] = answers['/api/v1/namespaces/tulle/pods'].items;
    const pending = { items: [{ ...pod, status: { phase: 'Pending' } }] };
    const { out } = await runOn(['check', ...noWait], without('GET configmaps in tulle'), {
      '/api/v1/namespaces/tulle/pods': pending,
    });
    expect(out).toContain('× control plane pods are ready\n    tulle/tulle-destination-1 is Pending\n');
  });

  it('uninstall prints no half of a mesh, and names all that is in its way', async () => {
    const refuses = (call: string) => /clusterroles$|webhookconfigurations$/.test(call);
    const { out, error } = await runOn(['uninstall', '--force'], refuses);
    expect([out, error?.message.split('\n').length]).toEqual(['', 3]);
  });
});
