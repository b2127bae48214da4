import { describe, expect, it } from 'vitest';
import {
  annotateManifest,
  formatReport,
  injectConfig,
  injectManifest,
  type Manifest,
  type PodSpec,
  type PodTemplate,
  uninjectManifest,
} from './index.ts';

const config = injectConfig();
const containers = [{ name: 'web', image: 'shop/web', ports: [{ containerPort: 8080 }] }];
const template = { spec: { containers } };
const of = (apiVersion: string, kind: string, spec: Record<string, unknown>): Manifest => ({
  apiVersion,
  kind,
  metadata: { name: 'web' },
  spec,
});
const pod = (spec: PodSpec = {}, annotations: Record<string, string> = {}): Manifest =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', annotations: { 'tulle.dev/inject': 'enabled', ...annotations } },
    spec: { containers, ...spec },
  }) as Manifest;
const report = (object: Manifest) => injectManifest(object, config).reports.map(formatReport).join('\n');
const sidecarOf = (object: Manifest) =>
  (object.spec as PodSpec).initContainers?.find(({ name }) => name === 'tulle-proxy');

describe('kinds of others', () => {
  it.each([
    ['argoproj.io/v1alpha1', 'Rollout'],
    ['apps.kruise.io/v1alpha1', 'CloneSet'],
    ['apps.openshift.io/v1', 'DeploymentConfig'],
  ])('%s %s has its pod template where a Deployment has it, and is meshed', (apiVersion, kind) => {
    const object = of(apiVersion, kind, { template });
    const annotated = annotateManifest(object, config);
    expect(annotated.reports[0].outcome).toBe('annotated');
    expect((annotated.object.spec!.template as PodTemplate).metadata?.annotations).toEqual({
      'tulle.dev/inject': 'enabled',
    });
    expect(injectManifest(object, config, { request: 'enabled' }).reports[0].outcome).toBe('injected');
  });

  it('Knative is annotated, and told that its manifests take no sidecar', () => {
    const object = of('serving.knative.dev/v1', 'Service', { template });
    expect(annotateManifest(object, config).reports[0].outcome).toBe('annotated');
    const written = injectManifest(object, config, { request: 'enabled' });
    expect(written.object).toBe(object);
    expect(written.reports.map(formatReport)[0]).toContain('Knative takes no sidecar in its manifests');
  });

  it('pods at an unknown place are left alone, with a word', () => {
    const object = of('kubeflow.org/v1', 'MPIJob', { replicas: { Worker: { template } } });
    for (const result of [annotateManifest(object, config), injectManifest(object, config)]) {
      expect(result.object).toBe(object);
      expect(result.reports.map(formatReport)[0]).toContain('its pods stand at spec.replicas.Worker.template');
    }
  });

  it('what has no pods is passed on without one', () => {
    const reports = annotateManifest(of('example.io/v1', 'Thing', { template: { a: 1 } }), config).reports;
    expect(reports[0].reasons).toEqual([]);
  });
});

it('pods on Windows are skipped, with a word', () => {
  const affinity = (...terms: object[]) => ({
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } } },
  });
  const onOs = (...values: string[]) => ({ matchExpressions: [{ key: 'kubernetes.io/os', operator: 'In', values }] });
  const forWindows: PodSpec[] = [
    { os: { name: 'windows' } },
    { nodeSelector: { 'kubernetes.io/os': 'windows' } },
    { nodeSelector: { 'beta.kubernetes.io/os': 'windows' } },
    affinity(onOs('windows'), {
      matchExpressions: [{ key: 'arch', operator: 'Exists' }, ...onOs('windows').matchExpressions],
    }),
  ];
  for (const spec of forWindows) {
    expect(report(pod(spec))).toContain('the pod runs on Windows');
    expect(annotateManifest(pod(spec), config).reports[0].outcome).toBe('skipped');
  }
  for (const spec of [affinity(onOs('windows'), onOs('linux')), affinity(onOs('windows', 'linux')), affinity(), {}]) {
    expect(report(pod(spec))).toBe('pod "web" injected');
  }
});

it('a word about injection that nobody knows is told where it is annotated: the webhook adds nothing', () => {
  for (const value of ['true', 'yes', '']) {
    const { object, reports } = annotateManifest(pod({}, { 'tulle.dev/inject': value }), config);
    expect(reports.map(formatReport)).toEqual([
      'pod "web" skipped: invalid value for annotation "tulle.dev/inject" at workload',
    ]);
    expect(object).toEqual(pod({}, { 'tulle.dev/inject': value }));
    const metadata = { name: 'shop', annotations: { 'tulle.dev/inject': value } };
    const namespace = annotateManifest({ apiVersion: 'v1', kind: 'Namespace', metadata }, config);
    expect(namespace.reports.map(formatReport)).toEqual([
      'namespace "shop" skipped: invalid value for annotation "tulle.dev/inject" at namespace',
    ]);
  }
});

it('ports of native sidecars are ports of the pod', () => {
  const cache = { name: 'cache', restartPolicy: 'Always', ports: [{ name: 'cache', containerPort: 11_211 }] };
  const setUp = { name: 'set-up', ports: [{ containerPort: 25 }] };
  const db = { name: 'db', ports: [{ containerPort: 3306 }] };
  const injected = injectManifest(pod({ initContainers: [setUp, cache], containers: [db] }), config).object;
  expect(injected.metadata?.annotations?.['config.tulle.dev/opaque-ports']).toBe('11211,3306');
  expect(sidecarOf(injected)?.env).toContainEqual({ name: 'LINKERD2_PROXY_INBOUND_PORTS', value: '3306,11211' });
  const named = pod({ initContainers: [cache], containers: [db] }, { 'config.tulle.dev/opaque-ports': 'cache' });
  expect(report(named)).toBe('pod "web" injected');
});

it('a request above the limit is lowered to it, and told: such a pod is never created', () => {
  const high = injectConfig({ defaults: { cpuRequest: '100m', memoryRequest: '20Mi' } });
  const limited = pod({}, { 'config.tulle.dev/proxy-cpu-limit': '0.05', 'config.tulle.dev/proxy-memory-limit': '1Gi' });
  const { object, reports } = injectManifest(limited, high);
  expect(sidecarOf(object)?.resources).toEqual({
    limits: { cpu: '0.05', memory: '1Gi' },
    requests: { cpu: '0.05', memory: '20Mi' },
  });
  expect(formatReport(reports[0])).toContain('asks for 100m of CPU, more than its limit of 0.05');
});

it('every container of the mesh names its requests, so that pods can be scaled by their use of CPU', () => {
  const { initContainers } = injectManifest(pod(), config).object.spec as PodSpec;
  for (const { resources } of initContainers!) expect(resources).toEqual({ requests: { cpu: '10m', memory: '20Mi' } });
});

describe('a namespace that enforces PodSecurity', () => {
  const namespaces = (level: string) =>
    new Map([['shop', { name: 'shop', labels: { 'pod-security.kubernetes.io/enforce': level } }]]);
  const inShop = { ...pod(), metadata: { name: 'web', namespace: 'shop' } } as Manifest;

  it.each([
    ['restricted', 'enabled', 'the namespace enforces PodSecurity restricted'],
    ['baseline', 'ingress', 'the namespace enforces PodSecurity baseline'],
    ['restricted', 'explicit', undefined],
    ['privileged', 'enabled', undefined],
  ] as const)('%s, asked for %s: the warning is %s', (level, request, warning) => {
    const context = { namespaces: namespaces(level), request };
    for (const inject of [injectManifest, annotateManifest]) {
      const text = inject(inShop, config, context).reports.map(formatReport).join('\n');
      if (warning === undefined) expect(text).not.toContain('PodSecurity restricted,');
      else expect(text).toContain(`${warning}, which refuses`);
    }
  });
});

describe('uninject', () => {
  const linkerd = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name: 'shop',
      labels: { 'linkerd.io/control-plane-ns': 'linkerd' },
      annotations: { 'linkerd.io/inject': 'enabled', 'config.linkerd.io/opaque-ports': '5433' },
    },
  } as Manifest;

  it('leaves what is of Linkerd, unless it is asked for that', () => {
    expect(uninjectManifest(linkerd).object).toBe(linkerd);
    expect(uninjectManifest(linkerd, { compat: 'linkerd' }).object.metadata).toEqual({ name: 'shop' });
  });

  it('leaves the word of a workload that it wants no sidecar', () => {
    const off = pod({}, { 'tulle.dev/inject': 'disabled', 'config.tulle.dev/proxy-cpu-limit': '1' });
    expect(uninjectManifest(off).object.metadata?.annotations).toEqual({ 'tulle.dev/inject': 'disabled' });
  });

  it('leaves the labels of a pod with the sidecar of another mesh', () => {
    const other = pod({ containers: [...containers, { name: 'linkerd-proxy', image: 'x' }] });
    const labelled = { ...other, metadata: { name: 'web', labels: { 'linkerd.io/workload-ns': 'shop' } } };
    expect(uninjectManifest(labelled).object).toBe(labelled);
  });
});

it('a UDP port of a Service is no opaque one', () => {
  const spec = { ports: [{ port: 25, protocol: 'UDP' }, { port: 3306 }] };
  const { object } = injectManifest(of('v1', 'Service', spec), config);
  expect(object.metadata?.annotations).toEqual({ 'config.tulle.dev/opaque-ports': '3306' });
});
