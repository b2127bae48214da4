import { afterAll, beforeAll, expect, it } from 'vitest';
import { injectConfig } from '../../lib/inject/index.ts';
import { connectCluster } from '../cluster/cluster.ts';
import { servePods } from '../testing/pods-of-processes.ts';
import { bypassingIpv6 } from './bypassing-ipv6.ts';
import { type CheckResult, runChecks } from './check.ts';
import { ClusterFacts } from './cluster-facts.ts';
import { dataPlaneChecks } from './data-plane-checks.ts';
import { refusingNamespaces } from './refusing-namespaces.ts';

const nowMs = Date.parse('2030-01-01T00:00:00Z');
const metric = (atMs: number): string => `control_identity_cert_expiration_timestamp_seconds ${atMs / 1000}\n`;
const proxy = { name: 'tulle-proxy', image: 'tulle-proxy:0.1.0', readinessProbe: { httpGet: { port: 4191 } } };

function pod(name: string, ready: boolean, image = proxy.image) {
  return {
    metadata: { name, namespace: 'shop', labels: name === 'web-1' ? { 'config.tulle.dev/opaque-ports': '1' } : {} },
    spec: { initContainers: [{ ...proxy, image }], containers: [] },
    status: {
      phase: 'Running',
      initContainerStatuses: [
        { name: 'tulle-proxy', ready, state: ready ? {} : { waiting: { reason: 'CrashLoopBackOff' } } },
      ],
    },
  };
}
const metricsOf = (name: string): string => `/api/v1/namespaces/shop/pods/${name}:4191/proxy/metrics`;

const enabled = { 'tulle.dev/inject': 'enabled' };
const bare = { spec: { containers: [{ name: 'app', image: 'app' }] }, status: { phase: 'Running' } };

let cluster: Awaited<ReturnType<typeof servePods>>;
let facts: ClusterFacts;
beforeAll(async () => {
  const done = { ...pod('job-1', false), status: { phase: 'Succeeded' } };
  cluster = await servePods({
    ports: {},
    answers: {
      '/api/v1/namespaces/tulle/configmaps/tulle-config': JSON.stringify({
        data: { values: JSON.stringify(injectConfig()), install: '{"given":{}}' },
      }),
      '/api/v1/namespaces/late': JSON.stringify({ metadata: { name: 'late', annotations: enabled } }),
      '/api/v1/namespaces/late/pods': {
        items: [
          { ...bare, metadata: { name: 'web-1', namespace: 'late' } },
          { ...bare, metadata: { name: 'db-1', namespace: 'late', annotations: { 'tulle.dev/inject': 'disabled' } } },
          { ...bare, metadata: { name: 'job-1', namespace: 'late' }, status: { phase: 'Succeeded' } },
        ],
      },
      '/api/v1/namespaces/shop': '{"metadata":{"name":"shop"}}',
      '/api/v1/namespaces/shop/pods': {
        items: [pod('web-1', true), pod('web-2', false), pod('old-1', true, 'r.example:5000/p:0.0.1'), done],
      },
      '/api/v1/namespaces/shop/services': { items: [] },
      '/api/v1/namespaces/shop/limitranges': { items: [] },
      '/api/v1/namespaces/shop/resourcequotas': JSON.stringify({
        items: [{ metadata: { name: 'team', namespace: 'shop' }, spec: { hard: { 'limits.memory': '1Gi' } } }],
      }),
      '/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers': { items: [] },
      [metricsOf('web-1')]: metric(nowMs + 1000),
      [metricsOf('web-2')]: metric(0),
      [metricsOf('old-1')]: metric(nowMs - 1000),
    },
  });
  const { kubeconfig } = cluster;
  const terminal = {
    input: async () => Buffer.alloc(0),
    out: () => {},
    err: () => {},
    cwd: '/',
    environment: {},
    onStop: () => {},
  };
  facts = new ClusterFacts('tulle', () => connectCluster({ kubeconfig }, terminal));
  await facts.connect();
});
afterAll(() => {
  facts.close();
  cluster.close();
});

async function check(namespace: string): Promise<Map<string, CheckResult>> {
  const found = new Map<string, CheckResult>();
  await runChecks(
    dataPlaneChecks(facts, namespace, () => nowMs),
    {
      ...{ waitMs: 0, nowMs: () => 0, sleep: async () => {}, refresh: () => {}, onWait: () => {} },
      onCategory: ({ checks }) => {
        for (const result of checks) found.set(result.description, result);
      },
    },
  );
  return found;
}

it('sidecars without certificate, not ready or of another version are named; pods that are done are not', async () => {
  const found = await check('shop');
  expect(found.get('data plane proxies have valid certificates')).toMatchObject({
    result: 'error',
    error: 'shop/web-2 has no certificate yet\nthe certificate of shop/old-1 has ended on 2029-12-31T23:59:59.000Z',
  });
  expect(found.get('data plane proxies are ready')).toMatchObject({
    result: 'error',
    error: 'the sidecar of shop/web-2 is not ready (CrashLoopBackOff)',
  });
  expect(found.get('data plane and cli versions match')).toMatchObject({
    result: 'warning',
    error: 'shop/old-1 runs 0.0.1 but cli is 0.1.0: restart it',
  });
  expect(found.get('data plane pod labels are configured correctly')).toMatchObject({
    result: 'warning',
    error: 'pod shop/web-1: config.tulle.dev/opaque-ports must be an annotation, and is a label',
  });
});

it('a quota that refuses sidecars is named, and autoscalers are asked', async () => {
  const found = await check('shop');
  expect(found.get('quotas let pods with sidecars in')).toMatchObject({
    result: 'warning',
    error: 'quota shop/team refuses new pods with a sidecar, for want of limits.memory in tulle-proxy',
  });
  expect(found.get('autoscalers can tell the use of pods with sidecars')).toMatchObject({ result: 'success' });
});

it('a pod that was to have a sidecar and has none is named; one that declines or is done is not', async () => {
  const description = 'pods that were to have a sidecar have one';
  expect((await check('late')).get(description)).toMatchObject({
    result: 'error',
    error: 'late/web-1 has no sidecar, and its calls are not protected',
  });
  expect((await check('shop')).get(description)).toMatchObject({ result: 'success' });
});

it('pods whose IPv6 goes past their proxy are named with what to do, those that are not intercepted are not', () => {
  const of = (name: string, ips: string[], args?: string[]) => ({
    metadata: { name, namespace: 'shop' },
    spec: { initContainers: args === undefined ? [] : [{ name: 'tulle-init', args: ['init', ...args] }] },
    status: { podIPs: ips.map((ip) => ({ ip })) },
  });
  const both = ['10.0.0.1', 'fd00::1'];
  const pods = [
    of('past', both, ['--ipv6=false']),
    of('led', both, ['--ipv6=true']),
    of('ipv4', ['10.0.0.1'], ['--ipv6=false']),
    of('explicit', both),
  ] as never[];
  expect(bypassingIpv6(pods, false)).toEqual([
    "shop/past has an IPv6 address, whose connections go past its proxy: apply 'tulle upgrade --ipv6', then restart it",
  ]);
  expect(bypassingIpv6(pods, true)[0]).toContain('its proxy: restart it');
});

it('a namespace that is not there ends the checks', async () => {
  const found = await check('none');
  expect(found.get('data plane namespace exists')).toMatchObject({
    result: 'error',
    error: 'namespace none is not there',
  });
  expect(found.has('data plane proxies are ready')).toBe(false);
});

it('namespaces whose PodSecurity refuses the sidecars that they ask for are named', () => {
  const namespace = (name: string, level: string, inject?: string) => ({
    metadata: {
      name,
      labels: { 'pod-security.kubernetes.io/enforce': level },
      annotations: inject === undefined ? undefined : { 'tulle.dev/inject': inject },
    },
  });
  const told = refusingNamespaces([
    namespace('shop', 'restricted', 'enabled'),
    namespace('edge', 'baseline', 'ingress'),
    namespace('safe', 'restricted', 'explicit'),
    namespace('open', 'privileged', 'enabled'),
    namespace('other', 'restricted'),
  ]);
  expect(told.map((line) => line.split(' ')[1])).toEqual(['shop', 'edge']);
});
