import { type ApiObjectMetadata, App, Chart, Duration, Testing } from 'cdk8s';
import { describe, expect, it } from 'vitest';
import { Compat, InboundPolicy, Mesh, MeshedDeployment, type MeshProps } from '../index.ts';
import { injectConfig, type PodTemplate } from '../inject/index.ts';
import type { PolicyRule } from './rbac.ts';

interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

function synth(props: MeshProps = {}): Rendered[] {
  const chart = new Chart(new App(), 'tulle');
  new Mesh(chart, 'mesh', props);
  return Testing.synth(chart);
}

const ofKind = (objects: Rendered[], kind: string) => objects.filter((object) => object.kind === kind);
const template = ({ spec }: Rendered) => (spec as { template: PodTemplate }).template;

describe('Mesh', () => {
  it('installs all of it', () => {
    expect(synth()).toMatchSnapshot();
  });

  it('with high availability runs three of each on nodes of their own, and admission waits for them', () => {
    const objects = synth({ highAvailability: true });
    const deployments = ofKind(objects, 'Deployment');
    expect(deployments.map(({ spec }) => (spec as { replicas: number }).replicas)).toEqual([3, 3, 3]);
    expect(ofKind(objects, 'PodDisruptionBudget').map(({ metadata }) => metadata.name)).toEqual(
      deployments.map(({ metadata }) => metadata.name),
    );
    expect(JSON.stringify(template(deployments[0]).spec?.affinity)).toContain('kubernetes.io/hostname');
    expect(JSON.stringify(ofKind(objects, 'MutatingWebhookConfiguration'))).toContain('"failurePolicy":"Fail"');
  });

  it('has webhooks ask callers for a certificate where it is told who signs those', () => {
    const objects = ofKind(synth({ webhookClientAuthorities: 'api-servers' }), 'Deployment');
    const asking = objects.filter((object) => JSON.stringify(object).includes('"configMap":{"name":"api-servers"}'));
    expect(asking.map(({ metadata }) => metadata.name)).toEqual(['tulle-destination', 'tulle-proxy-injector']);
    for (const object of asking) {
      expect(template(object).spec?.containers?.flatMap(({ args = [] }) => args as string[])).toContain(
        '--webhook-client-ca=/var/run/tulle/webhook-clients/ca.crt',
      );
    }
  });

  it('leaves what is of the whole cluster alone, in a chart that has a namespace', () => {
    const chart = new Chart(new App(), 'tulle', { namespace: 'elsewhere' });
    new Mesh(chart, 'mesh', { highAvailability: true, networkPolicies: true });
    expect(Testing.synth(chart)).toEqual(synth({ highAvailability: true, networkPolicies: true }));
  });

  it('makes no certificate, key or Secret', () => {
    const text = JSON.stringify(synth());
    expect(text).not.toContain('BEGIN ');
    expect(JSON.stringify(synth({ permissionGuards: false }))).not.toContain('caBundle');
    expect(ofKind(synth(), 'Secret')).toEqual([]);
  });

  it('gives every object a name of its own, in the namespace of the mesh or in none', () => {
    const objects = synth({ namespace: 'mesh' });
    const names = objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(objects.map(({ metadata }) => metadata.namespace))).toEqual(new Set([undefined, 'mesh']));
  });

  it('meshes the control plane itself: identity asks the component beside it, others ask the Service', () => {
    const env = Object.fromEntries(
      ofKind(synth(), 'Deployment').map((deployment) => {
        const { containers = [], initContainers = [] } = template(deployment).spec ?? {};
        const proxy = [...containers, ...initContainers].find(({ name }) => name === 'tulle-proxy');
        return [
          deployment.metadata.name,
          Object.fromEntries((proxy?.env ?? []).map(({ name, value }) => [name, value])),
        ];
      }),
    );
    const prefix = 'LINKERD2_PROXY_';
    expect(env['tulle-identity'][`${prefix}IDENTITY_SVC_ADDR`]).toBe('localhost.:8080');
    expect(env['tulle-identity'][`${prefix}IDENTITY_SVC_NAME`]).toBeUndefined();
    expect(env['tulle-destination'][`${prefix}DESTINATION_SVC_ADDR`]).toBe('localhost.:8086');
    expect(env['tulle-destination'][`${prefix}POLICY_SVC_ADDR`]).toBe('localhost.:8090');
    expect(env['tulle-proxy-injector'][`${prefix}IDENTITY_SVC_ADDR`]).toBe(
      'tulle-identity-headless.tulle.svc.cluster.local.:8080',
    );
  });

  it('asks for no more than it needs: no wildcard, and Secrets only by name', () => {
    const roles = [...ofKind(synth(), 'ClusterRole'), ...ofKind(synth(), 'Role')] as unknown as {
      rules: { apiGroups: string[]; resources: string[]; verbs: string[]; resourceNames?: string[] }[];
    }[];
    for (const rule of roles.flatMap(({ rules }) => rules)) {
      expect([...rule.apiGroups, ...rule.resources, ...rule.verbs]).not.toContain('*');
      if (rule.resources.includes('secrets') && !rule.resourceNames) expect(rule.verbs).toEqual(['create']);
    }
  });

  it('tells the injector its configuration, equal to that of the constructs', () => {
    const [{ data }] = ofKind(synth(), 'ConfigMap') as unknown as { data: { values: string } }[];
    expect(JSON.parse(data.values)).toEqual(injectConfig());
  });

  it('leads IPv6 to the proxies where it is told to, and tells endpoints by it', () => {
    const objects = synth({ ipv6: true });
    const [{ data }] = ofKind(objects, 'ConfigMap') as unknown as { data: { values: string } }[];
    expect(JSON.parse(data.values)).toEqual(injectConfig({ ipv6: true }));
    const destination = JSON.stringify(
      ofKind(objects, 'Deployment').find(({ metadata }) => metadata.name === 'tulle-destination'),
    );
    for (const word of ['--enable-ipv6=true', '--ipv6=true', '[::]:4143', '127.0.0.1:4140,[::1]:4140']) {
      expect(destination).toContain(word);
    }
    expect(JSON.stringify(synth())).not.toContain('ipv6=true');
  });

  it('hands its settings to the workloads of the same app', () => {
    const app = new App();
    new Mesh(new Chart(app, 'tulle'), 'mesh', { namespace: 'mesh', trustDomain: 'shop.example' });
    const web = new MeshedDeployment(new Chart(app, 'shop', { namespace: 'shop' }), 'web', {
      containers: [{ image: 'shop/web:2.0' }],
    });
    expect(web.mesh.identity).toBe('default.shop.serviceaccount.identity.mesh.shop.example');
  });

  it('leaves out what is there already, or not wanted', () => {
    const objects = synth({ crds: false, proxyInjector: false });
    expect(ofKind(objects, 'CustomResourceDefinition')).toEqual([]);
    expect(ofKind(objects, 'MutatingWebhookConfiguration')).toEqual([]);
    expect(ofKind(objects, 'Deployment').map(({ metadata }) => metadata.name)).toEqual([
      'tulle-identity',
      'tulle-destination',
    ]);
  });

  it('takes images from a registry, and settings to every sidecar', () => {
    const objects = synth({
      registry: 'registry.example/mesh',
      version: '2.0.0',
      defaultInboundPolicy: InboundPolicy.deny(),
      compat: Compat.linkerd(),
    });
    const text = JSON.stringify(objects);
    expect(text).toContain('"image":"registry.example/mesh/tulle-controller:2.0.0"');
    expect(text).toContain('"image":"registry.example/mesh/tulle-proxy:2.0.0"');
    expect(text).toContain('--default-inbound-policy=deny');
    const [{ data }] = ofKind(objects, 'ConfigMap') as unknown as { data: { values: string } }[];
    expect(JSON.parse(data.values).compat).toBe('linkerd');
  });
});

it.each<[MeshProps, string]>([
  [
    { egressNamespace: 'all.' },
    "'egressNamespace' (all.) must be a DNS label: lower-case letters, digits and -, at most 63",
  ],
  [{ namespace: 'Tulle' }, "'namespace' (Tulle) must be a DNS label: lower-case letters, digits and -, at most 63"],
  [{ trustDomain: 'a.b.' }, "'trustDomain' (a.b.) must be a DNS name such as cluster.local, without a dot at its end"],
  [{ clusterDomain: '' }, "'clusterDomain' () must be a DNS name such as cluster.local, without a dot at its end"],
  [
    { clusterNetworks: ['10.0.0.0/8', '10'] },
    "'clusterNetworks' (10.0.0.0/8, 10) must be networks in CIDR notation such as 10.0.0.0/8: replace 10",
  ],
  [
    { clusterNetworks: [] },
    "'clusterNetworks' () must be networks in CIDR notation such as 10.0.0.0/8: name at least one, or leave it out",
  ],
  [{ keyNetworks: ['10'] }, "'keyNetworks' (10) must be networks in CIDR notation such as 10.0.0.0/8: replace 10"],
  [{ opaquePorts: [0] }, "'opaquePorts' (0) must be ports from 1 to 65535: replace 0"],
  [
    { registry: 'registry.example/' },
    "'registry' (registry.example/) must be a registry and path such as registry.example/mesh, without a / at its end",
  ],
  [
    { issuanceLifetime: Duration.seconds(10) },
    "'issuanceLifetime' (10 seconds) must be longer than 'clockSkewAllowance' (20 seconds): certificates would end before they hold",
  ],
])('refuses %j', (props, message) => {
  expect(() => synth(props)).toThrow(new Error(message));
});

it('does not guess between two different meshes in one app', () => {
  const app = new App();
  new Mesh(new Chart(app, 'east'), 'mesh', { trustDomain: 'east.example' });
  new Mesh(new Chart(app, 'west'), 'mesh', { trustDomain: 'west.example' });
  const web = new MeshedDeployment(new Chart(app, 'shop'), 'web', { containers: [{ image: 'shop/web:2.0' }] });
  expect(() => web.mesh.identity).toThrow(
    new Error(
      "shop/web/Resource cannot tell its mesh: 'east/mesh' and 'west/mesh' differ. " +
        'Keep the workloads of each mesh in an App of their own',
    ),
  );
});

it('who may edit or view a namespace may do so with the objects of the mesh there', () => {
  const chart = Testing.chart();
  new Mesh(chart, 'mesh', { namespace: 'mesh' });
  const roles = (Testing.synth(chart) as { kind: string; metadata: ApiObjectMetadata; rules: PolicyRule[] }[]).filter(
    ({ kind, metadata }) => kind === 'ClusterRole' && JSON.stringify(metadata.labels).includes('aggregate-to'),
  );
  const told = roles.map(({ metadata, rules }) => [
    metadata.name,
    Object.keys(metadata.labels ?? {}).flatMap((label) => /aggregate-to-(.*)/.exec(label)?.[1] ?? []),
    rules.find(({ resources }) => resources.includes('servers'))?.verbs,
  ]);
  expect(told).toEqual([
    ['mesh-tulle-edit', ['admin', 'edit'], ['create', 'update', 'patch', 'delete', 'deletecollection']],
    ['mesh-tulle-view', ['admin', 'edit', 'view'], ['get', 'list', 'watch']],
  ]);
});
