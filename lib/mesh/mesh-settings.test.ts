import { Chart, Size, Testing } from 'cdk8s';
import { describe, expect, it } from 'vitest';
import {
  Injection,
  Interception,
  LogLevel,
  Mesh,
  MeshedDeployment,
  type MeshProps,
  MeshReference,
  PullPolicy,
} from '../index.ts';
import { injectConfig, injectPod, type PodTemplate } from '../inject/index.ts';
import { meshInstall } from './install.ts';
import { installationOf } from './installation.ts';
import { storeInstall, upgradeInstall } from './stored-install.ts';

interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: { readonly template: PodTemplate };
  readonly webhooks?: { readonly failurePolicy: string }[];
}

function install(props: MeshProps): Rendered[] {
  const chart = new Chart(Testing.app(), 'tulle');
  new Mesh(chart, 'mesh', props);
  return Testing.synth(chart);
}
const deployments = (objects: Rendered[]) => objects.filter(({ kind }) => kind === 'Deployment');
const pods = (objects: Rendered[]) => deployments(objects).map(({ spec }) => spec.template);
const failurePolicies = (props: MeshProps) =>
  install(props).flatMap(({ webhooks = [] }) => webhooks.map(({ failurePolicy }) => failurePolicy));
const kindsOf = (props: MeshProps) => install(props).map(({ kind }) => kind);
const component = (pod: PodTemplate) => pod.spec?.containers?.find(({ name }) => !name.startsWith('tulle-'));

/** Each setting with a value that is not its default. */
const all: MeshProps = {
  imagePullPolicy: PullPolicy.always(),
  antiAffinity: true,
  disruptionBudgets: false,
  failClosedWebhooks: true,
  tolerations: [{ key: 'dedicated', value: 'mesh', effect: 'NoSchedule' }],
  interception: Interception.explicit(),
  podLabels: { team: 'platform' },
  podAnnotations: { 'example.com/cost': 'mesh' },
  logLevel: LogLevel.warn(),
  skipInboundPorts: [25],
  skipOutboundPorts: [26],
  skipSubnets: ['10.9.0.0/16'],
  requireIdentityOnPorts: [8443],
  components: { identity: { logLevel: LogLevel.debug(), memoryLimit: Size.mebibytes(600) } },
};

it('every pod of the control plane has the place, the labels and the images that are given for all', () => {
  for (const pod of pods(install(all))) {
    expect(pod.metadata?.labels).toMatchObject({ team: 'platform' });
    expect(pod.metadata?.annotations).toMatchObject({ 'example.com/cost': 'mesh', 'tulle.dev/inject': 'enabled' });
    expect(pod.spec).toMatchObject({ tolerations: all.tolerations });
    expect(JSON.stringify(pod.spec?.affinity)).toContain('kubernetes.io/hostname');
    for (const { imagePullPolicy } of [...pod.spec!.containers!, ...(pod.spec!.initContainers ?? [])]) {
      expect(imagePullPolicy).toBe('Always');
    }
  }
});

it('a component’s own taints stand instead of those for all', () => {
  const own = [{ key: 'other', operator: 'Exists' }];
  const objects = install({ ...all, components: { destination: { tolerations: own } } });
  expect(pods(objects).map(({ spec }) => (spec as { tolerations?: unknown }).tolerations)).toEqual([
    all.tolerations,
    own,
    all.tolerations,
  ]);
});

it('components log as much as they are told, each by itself where it is said', () => {
  expect(pods(install(all)).map((pod) => component(pod)?.env)).toEqual([
    [{ name: 'TULLE_LOG', value: 'debug' }],
    [{ name: 'TULLE_LOG', value: 'warn' }],
    [{ name: 'TULLE_LOG', value: 'warn' }],
  ]);
  for (const pod of pods(install({}))) expect(component(pod)?.env).toBeUndefined();
});

it('pull policy of the sidecars can differ from that of the control plane', () => {
  const chart = Testing.chart();
  new Mesh(chart, 'mesh', { imagePullPolicy: PullPolicy.never(), proxy: { imagePullPolicy: PullPolicy.always() } });
  expect(installationOf(chart).defaults.imagePullPolicy).toBe('Always');
  expect(pods(Testing.synth(chart)).map((pod) => component(pod)?.imagePullPolicy)).toEqual(['Never', 'Never', 'Never']);
});

it('webhooks are closed where that is said, or with high availability, which can be told otherwise', () => {
  expect(new Set(failurePolicies({}))).toEqual(new Set(['Ignore']));
  expect(new Set(failurePolicies({ failClosedWebhooks: true }))).toEqual(new Set(['Fail']));
  expect(new Set(failurePolicies({ highAvailability: true }))).toEqual(new Set(['Fail']));
  expect(new Set(failurePolicies({ highAvailability: true, failClosedWebhooks: false }))).toEqual(new Set(['Ignore']));
});

it('high availability can do without budgets, and without nodes of their own', () => {
  const props = { highAvailability: true, disruptionBudgets: false, antiAffinity: false };
  expect(kindsOf(props)).not.toContain('PodDisruptionBudget');
  for (const pod of pods(install(props))) expect(pod.spec?.affinity).toBeUndefined();
  expect(kindsOf({ highAvailability: true })).toContain('PodDisruptionBudget');
});

it('the control plane is reached through its proxies, whatever passes those of workloads by', () => {
  const objects = install({
    skipInboundPorts: [8080, 8086],
    skipSubnets: ['10.0.0.0/8'],
    requireIdentityOnPorts: [8443],
  });
  for (const pod of pods(objects)) {
    const text = JSON.stringify(pod.spec);
    expect(text).toContain('"--inbound-ports-to-ignore","4190,4191,4567,4568"');
    expect(text).not.toContain('--subnets-to-ignore');
    expect(text).not.toContain('INBOUND_PORTS_REQUIRE_IDENTITY');
  }
});

it('ports that pass the proxy by are those of every workload, and of a reference to the mesh', () => {
  const chart = Testing.chart();
  MeshReference.of(chart, { skipInboundPorts: [25], skipOutboundPorts: [26], skipSubnets: ['10.9.0.0/16'] });
  expect(installationOf(chart).defaults).toMatchObject({
    skipInboundPorts: [{ from: 25, to: 25 }],
    skipOutboundPorts: [{ from: 26, to: 26 }],
    skipSubnets: ['10.9.0.0/16'],
  });
  expect(injectConfig().defaults.skipInboundPorts).not.toEqual([{ from: 25, to: 25 }]);
});

describe('a mesh that does not intercept', () => {
  const interception = Interception.explicit();
  const web = (injection: Injection) => {
    const app = Testing.app();
    const objects = new Chart(app, 'tulle');
    new Mesh(objects, 'mesh', { interception });
    const chart = new Chart(app, 'shop', { namespace: 'shop' });
    const deployment = new MeshedDeployment(chart, 'web', {
      containers: [{ image: 'web:1', portNumber: 8080 }],
      mesh: { injection },
    });
    deployment.exposeViaService();
    app.synthYaml();
    return { mesh: objects.toJson() as Rendered[], shop: chart.toJson() };
  };
  const initContainers = ({ spec }: PodTemplate) => spec?.initContainers?.map(({ name }) => name);

  it('gives workloads explicit sidecars, whoever adds them, and Services lead there', () => {
    const { mesh, shop } = web(Injection.static());
    expect(initContainers(shop[0].spec.template)).toEqual(['tulle-proxy']);
    expect(shop[1].spec.ports[0].targetPort).toBe('tulle-in-8080');
    const values = (mesh.find(({ kind }) => kind === 'ConfigMap') as never as { data: { values: string } }).data.values;
    const pod = { metadata: shop[0].spec.template.metadata, spec: { containers: [{ name: 'web', image: 'web:1' }] } };
    const admitted = injectPod(
      { ...pod, metadata: { annotations: { 'tulle.dev/inject': 'enabled' } } },
      JSON.parse(values),
    );
    expect(initContainers(admitted.pod)).toEqual(['tulle-proxy']);
    expect(web(Injection.webhook()).shop[1].spec.ports[0].targetPort).toBe('tulle-in-8080');
  });

  it('leaves who asks for another way that way, and the control plane as it is', () => {
    const { mesh } = web(Injection.disabled());
    for (const pod of pods(mesh)) expect(initContainers(pod)).toContain('tulle-init');
    const metadata = { annotations: { 'tulle.dev/inject': 'ingress' } };
    const { pod } = injectPod({ metadata, spec: { containers: [] } }, meshInstall({ interception }).config);
    expect(initContainers(pod)).toContain('tulle-init');
  });
});

it('all of it survives an upgrade', () => {
  const stored = JSON.parse(JSON.stringify(storeInstall(meshInstall(all))));
  expect(JSON.stringify(upgradeInstall(stored))).toBe(JSON.stringify(meshInstall(all)));
});

describe('refused is', () => {
  it.each<[MeshProps, string]>([
    [
      { version: 'v 1' },
      "'version' (v 1) must be a tag such as 1.2.0, of letters, digits, _, . and -, at most 128 of them; @sha256:… may follow",
    ],
    [
      { imagePullSecrets: ['Pull'] },
      "'imagePullSecrets' (Pull) must be the name of an object: lower-case letters, digits, - and ., at most 253",
    ],
    [
      { priorityClassName: 'a_b' },
      "'priorityClassName' (a_b) must be the name of an object: lower-case letters, digits, - and ., at most 253",
    ],
    [
      { runtimeClassName: 'g Visor' },
      "'runtimeClassName' (g Visor) must be the name of an object: lower-case letters, digits, - and ., at most 253",
    ],
    [
      { components: { tap: { imagePullSecrets: ['a', 'B'] } } },
      "'components.tap.imagePullSecrets' (B) must be the name of an object: lower-case letters, digits, - and ., at most 253",
    ],
    [
      { webhookClientAuthorities: 'a-' },
      "'webhookClientAuthorities' (a-) must be the name of an object: lower-case letters, digits, - and ., at most 253",
    ],
    [
      { nodeSelector: { 'a b': 'c' } },
      "'nodeSelector' has the key a b: it must be a name such as team or example.com/team",
    ],
    [
      { components: { identity: { nodeSelector: { pool: 'a/b' } } } },
      "'components.identity.nodeSelector' has pool: a/b, which must be letters, digits, -, _ and ., at most 63, with a letter or digit at both ends",
    ],
    [
      { podLabels: { 'linkerd.io/control-plane-component': 'other' } },
      "'podLabels' has linkerd.io/control-plane-component, which is the mesh's own: leave it out",
    ],
    [
      { podAnnotations: { 'config.tulle.dev/proxy-await': 'enabled' } },
      "'podAnnotations' has config.tulle.dev/proxy-await, which is the mesh's own: leave it out",
    ],
    [
      { tolerations: [{ key: 'a', operator: 'In' }] },
      "'tolerations[0]' has the operator In: it must be Equal or Exists",
    ],
    [
      { proxyInjector: false, components: { proxyInjector: { replicas: 2 } } },
      "'components.proxyInjector' must not be with 'proxyInjector' (false): leave one of them out",
    ],
    [
      { proxy: { adminPort: 4143 } },
      "'adminPort' (4143) must not be the same as 'inboundPort' (4143): give one of them another port",
    ],
    [
      { skipInboundPorts: [5432], opaquePorts: [5432] },
      "'skipInboundPorts' (5432) must have no port of 'opaquePorts' (5432): clients would send to a proxy what is to pass it by; take 5432 out of one",
    ],
  ])('%j', (props, message) => {
    expect(() => install(props)).toThrow(new Error(message));
  });
});
