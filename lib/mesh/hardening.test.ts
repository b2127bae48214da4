import { App, Chart, Size, Testing } from 'cdk8s';
import { describe, expect, it } from 'vitest';
import { Mesh, type MeshProps } from '../index.ts';
import type { Container, PodSpec, PodTemplate, Volume } from '../inject/kubernetes.ts';

interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

function install(props: MeshProps): Rendered[] {
  const chart = new Chart(new App(), 'tulle');
  new Mesh(chart, 'mesh', props);
  return Testing.synth(chart);
}

const podOf = ({ spec }: Rendered): PodSpec => (spec.template as PodTemplate).spec ?? {};
const containersOf = ({ containers = [], initContainers = [] }: PodSpec): Container[] => [
  ...initContainers,
  ...containers,
];
const meshContainers = new Set(['tulle-init', 'tulle-proxy']);

describe.each<[string, MeshProps]>([
  ['the default install', {}],
  ['a highly available one', { highAvailability: true }],
  ['one with network policies', { networkPolicies: true }],
  ['one with limits for every sidecar', { proxy: { cpuRequestMillis: 200, memoryLimit: Size.mebibytes(128) } }],
])('%s', (_name, props) => {
  const objects = install(props);
  const ofKind = (kind: string) => objects.filter((object) => object.kind === kind);
  const deployments = ofKind('Deployment');
  const containers = deployments.flatMap((deployment) =>
    containersOf(podOf(deployment)).map((container): [string, Container] => [
      `${deployment.metadata.name}/${container.name}`,
      container,
    ]),
  );

  it('has three components with the containers that are looked at below', () => {
    expect(containers.map(([name]) => name).sort()).toEqual(
      ['destination', 'identity', 'proxy-injector']
        .flatMap((component) => [component, 'tulle-init', 'tulle-proxy'].map((name) => `tulle-${component}/${name}`))
        .sort(),
    );
  });

  it.each(containers)('%s runs without root, privileges or a writable root file system', (name, container) => {
    expect(container.securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      runAsUser: expect.any(Number),
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(container.securityContext?.['runAsUser']).toBeGreaterThan(0);
    expect(container.securityContext?.['privileged'] ?? false).toBe(false);
    // iptables needs two; nothing else needs any.
    expect(container.securityContext?.['capabilities']).toEqual({
      drop: ['ALL'],
      ...(name.endsWith('/tulle-init') ? { add: ['NET_ADMIN', 'NET_RAW'] } : {}),
    });
  });

  it.each(containers)('%s asks for CPU and memory, and is held to its memory', (_container, { resources }) => {
    expect(resources).toMatchObject({
      requests: { cpu: expect.stringMatching(/^\d+m$/), memory: expect.stringMatching(/^\d+Mi$/) },
      limits: { memory: expect.stringMatching(/^\d+[MG]i$/) },
    });
  });

  it.each(containers)('%s has no port of the node, and says at its end what went wrong', (_container, container) => {
    expect((container.ports ?? []).filter((port) => 'hostPort' in port)).toEqual([]);
    expect(container['terminationMessagePolicy']).toBe('FallbackToLogsOnError');
  });

  it.each(deployments.map((deployment): [string, PodSpec] => [deployment.metadata.name, podOf(deployment)]))(
    'the pod of %s has nothing of its node, and an account of its own',
    (name, pod) => {
      for (const field of ['hostNetwork', 'hostPID', 'hostIPC']) expect(pod).not.toHaveProperty(field);
      expect(pod).toMatchObject({
        serviceAccountName: name,
        securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
        nodeSelector: { 'kubernetes.io/os': 'linux' },
      });
      const kinds = (pod.volumes ?? []).flatMap(({ name: _volume, ...source }) => Object.keys(source));
      expect(kinds.filter((kind) => !['emptyDir', 'projected', 'configMap'].includes(kind))).toEqual([]);
    },
  );

  it('gives a token for the API server to the components alone, and none to whoever names their accounts', () => {
    for (const account of ofKind('ServiceAccount')) expect(account['automountServiceAccountToken']).toBe(false);
    for (const deployment of deployments) {
      const pod = podOf(deployment);
      expect(pod['automountServiceAccountToken']).toBe(false);
      const tokens = new Map((pod.volumes ?? []).map((volume) => [volume.name, audiencesOf(volume)]));
      const mounted = (container: Container) =>
        (container.volumeMounts ?? []).flatMap((mount) => tokens.get(mount.name) ?? []);
      for (const container of containersOf(pod)) {
        const expected = { 'tulle-init': [], 'tulle-proxy': ['identity.l5d.io'] }[container.name];
        expect([container.name, mounted(container)]).toEqual([container.name, expected ?? ['the API server']]);
      }
    }
  });

  it('mounts nothing writable into a component', () => {
    for (const container of deployments.flatMap((deployment) => containersOf(podOf(deployment)))) {
      if (meshContainers.has(container.name)) continue;
      expect((container.volumeMounts ?? []).filter(({ readOnly }) => readOnly !== true)).toEqual([]);
    }
  });
});

/** Whom the tokens of a volume are for. */
function audiencesOf(volume: Volume): string[] {
  const { sources = [] } = (volume['projected'] ?? {}) as {
    sources?: { serviceAccountToken?: { audience?: string } }[];
  };
  return sources.flatMap(({ serviceAccountToken: token }) => (token ? [token.audience ?? 'the API server'] : []));
}

describe('network policies', () => {
  interface Policy {
    readonly podSelector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly policyTypes: readonly string[];
    readonly ingress: readonly Rule[];
    readonly egress: readonly Rule[];
  }
  interface Rule {
    readonly from?: readonly object[];
    readonly to?: readonly object[];
    readonly ports?: readonly { readonly protocol: string; readonly port: number }[];
  }
  const objects = install({ networkPolicies: true });
  const policies = objects.filter(({ kind }) => kind === 'NetworkPolicy');
  const specOf = (component: string) =>
    policies.find(({ metadata }) => metadata.name === component)?.spec as unknown as Policy;
  const portsOf = (rules: readonly Rule[]) => rules.flatMap(({ ports = [] }) => ports.map(({ port }) => port));

  it('are left out unless they are asked for', () => {
    expect(install({}).filter(({ kind }) => kind === 'NetworkPolicy')).toEqual([]);
  });

  it.each(
    objects.filter(({ kind }) => kind === 'Deployment').map((each): [string, Rendered] => [each.metadata.name, each]),
  )('of %s let in at each port that its containers have, and at no other', (name, deployment) => {
    const { podSelector, policyTypes, ingress } = specOf(name);
    const { template } = deployment.spec as { template: { metadata: { labels: Record<string, string> } } };
    expect(template.metadata.labels).toMatchObject(podSelector.matchLabels);
    expect(policyTypes).toEqual(['Ingress', 'Egress']);
    const declared = containersOf(podOf(deployment)).flatMap(({ ports = [] }) =>
      ports.map(({ containerPort }) => containerPort),
    );
    expect(portsOf(ingress).sort()).toEqual(declared.sort());
  });

  it('let the destination component fetch keys within the networks that are named for that, and no other', () => {
    const named = install({ networkPolicies: true, keyNetworks: ['10.20.0.0/16'] });
    const calling = named
      .filter(({ kind, spec }) => kind === 'NetworkPolicy' && JSON.stringify(spec).includes('10.20.0.0/16'))
      .map(({ metadata, spec }) => [metadata.name, (spec as { egress: object[] }).egress.at(-1)]);
    const egress = { to: [{ ipBlock: { cidr: '10.20.0.0/16' } }], ports: [{ protocol: 'TCP' }] };
    expect(calling).toEqual([['tulle-destination', egress]]);
    const started = (objects: typeof named) =>
      objects.filter((each) => JSON.stringify(each).includes('"--jwks-networks=10.20.0.0/16"'));
    expect([started(named).length, started(objects).length]).toEqual([1, 0]);
  });

  it('let everybody in at the ports of webhooks, and else the cluster', () => {
    const webhooks = objects
      .filter(({ kind }) => kind.endsWith('WebhookConfiguration'))
      .flatMap(({ webhooks: list }) => list as { clientConfig: { service: { name: string } } }[])
      .map(({ clientConfig }) => {
        const service = objects.find(
          ({ kind, metadata }) => kind === 'Service' && metadata.name === clientConfig.service.name,
        );
        expect(service, clientConfig.service.name).toBeDefined();
        const spec = (service as Rendered).spec as {
          ports: { targetPort: number }[];
          selector: Record<string, string>;
        };
        return `${spec.selector['linkerd.io/control-plane-component']}:${spec.ports[0].targetPort}`;
      });
    const open = policies.flatMap(({ metadata, spec }) =>
      portsOf((spec as unknown as Policy).ingress.filter(({ from }) => from === undefined)).map(
        (port) => `${metadata.labels['linkerd.io/control-plane-component']}:${port}`,
      ),
    );
    expect(open.sort()).toEqual(webhooks.sort());
    for (const { ingress } of policies.map(({ spec }) => spec as unknown as Policy)) {
      for (const { from } of ingress) expect(from ?? [{ namespaceSelector: {} }]).toEqual([{ namespaceSelector: {} }]);
    }
  });

  it('let out to the other components, DNS and API servers', () => {
    for (const { egress } of policies.map(({ spec }) => spec as unknown as Policy)) {
      expect(egress[0]).toEqual({ to: [{ podSelector: {} }] });
      expect(portsOf(egress)).toEqual([53, 5353, 53, 5353, 443, 6443, 8443, 16_443]);
    }
  });
});

describe('with high availability', () => {
  const objects = install({ highAvailability: true });
  const byName = (kind: string) =>
    Object.fromEntries(objects.filter((each) => each.kind === kind).map((each) => [each.metadata.name, each.spec]));

  it('one of three may be down at a time, on purpose or in a rollout, and a node holds one', () => {
    const budgets = byName('PodDisruptionBudget');
    const deployments = byName('Deployment');
    expect(Object.keys(budgets)).toEqual(Object.keys(deployments));
    for (const [name, deployment] of Object.entries(deployments)) {
      const { selector, template } = deployment as { selector: object; template: PodTemplate };
      expect(budgets[name]).toEqual({ maxUnavailable: 1, selector });
      expect(deployment).toMatchObject({ replicas: 3, strategy: { rollingUpdate: { maxUnavailable: 1 } } });
      expect(template.spec).toHaveProperty('affinity.podAntiAffinity', {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { labelSelector: selector, topologyKey: 'kubernetes.io/hostname' },
        ],
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 100, podAffinityTerm: { labelSelector: selector, topologyKey: 'topology.kubernetes.io/zone' } },
        ],
      });
    }
  });
});
