import { readdirSync } from 'node:fs';
import { ApiObject, App, Chart, Testing, YamlOutputType } from 'cdk8s';
import {
  Namespaces,
  NetworkPolicy,
  NetworkPolicyIpBlock,
  NetworkPolicyPort,
  NetworkPolicyTrafficDefault,
  Pods,
} from 'cdk8s-plus-27';
import * as kplus33 from 'cdk8s-plus-33';
import { describe, expect, it, vi } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { Injection, MeshedDeployment, MeshInjection, type MeshOptions, MeshReference, MeshWarnings } from '../index.ts';
import type { Manifest, PodTemplate } from '../inject/kubernetes.ts';
import { type End, mayConnect } from '../network/testing/evaluate.ts';

vi.spyOn(process, 'emitWarning').mockImplementation(() => {});

const webhook = Injection.webhook();
const explicit = Injection.explicit();

/** A shop of three: `web` calls `orders` over HTTP, and that the database. */
function shopOf(
  mesh: MeshOptions,
  { db = mesh, orders = mesh }: { readonly db?: MeshOptions; readonly orders?: MeshOptions } = {},
  app = new App(),
) {
  const chart = new Chart(app, 'shop', { namespace: 'shop', disableResourceNameHashes: true });
  const deployment = (name: string, port: number, options: MeshOptions) =>
    new MeshedDeployment(chart, name, {
      containers: [{ image: `shop/${name}`, ports: [{ name: 'main', number: port }] }],
      podMetadata: { labels: { app: name } },
      mesh: options,
    });
  const policy = (id: string, spec: object, namespace = 'shop') =>
    new ApiObject(chart, id, {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { namespace },
      spec,
    });
  return {
    app,
    chart,
    web: deployment('web', 8080, mesh),
    orders: deployment('orders', 8080, orders),
    db: deployment('db', 5432, db),
    policy,
  };
}
type Shop = ReturnType<typeof shopOf>;

const manifestsOf = (app: App): Manifest[] => parseAllDocuments(app.synthYaml()).map((document) => document.toJS());
const companionsIn = (manifests: readonly Manifest[]): Manifest[] =>
  manifests.filter(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata?.name?.includes('mesh-network-policy'));

/** Whom a pod may have to do with, beside the shop itself. */
const others: End[] = [
  { name: 'identity', namespace: 'tulle', labels: { 'linkerd.io/control-plane-component': 'identity' } },
  { name: 'dns', namespace: 'kube-system', labels: { 'k8s-app': 'kube-dns' } },
  {
    name: 'openshift-dns',
    namespace: 'openshift-dns',
    labels: { 'dns.operator.openshift.io/daemonset-dns': 'default' },
  },
  { name: 'node-dns', ip: '169.254.20.10' },
  { name: 'prometheus', namespace: 'monitoring', labels: { app: 'prometheus' } },
  { name: 'ingress', namespace: 'ingress-nginx', labels: { app: 'nginx' } },
  { name: 'stranger', namespace: 'shop', labels: { app: 'stranger' } },
  { name: 'internet', ip: '203.0.113.7' },
];
const ports = [53, 443, 4140, 4143, 4190, 4191, 5353, 5432, 8080, 8086, 8090, 9990, 14_143, 14_144];
const controlPlane = ['8080', '8086', '8090'];

function ends(manifests: readonly Manifest[]): End[] {
  const pods = manifests.filter(({ kind }) => kind === 'Deployment');
  return [
    ...pods.map(({ metadata, spec }): End => {
      const { metadata: { labels = {} } = {}, spec: pod } = spec!.template as PodTemplate;
      const named = (pod?.containers ?? []).flatMap((container) => container.ports ?? []);
      return {
        name: metadata!.name!.replace('shop-', ''),
        namespace: metadata!.namespace!,
        labels: { ...labels },
        named: Object.fromEntries(named.map(({ name, containerPort }) => [name ?? '', containerPort])),
      };
    }),
    ...others,
  ];
}

/** Every connection that policies allow: `web → db: 4143 5432`. */
function connections(manifests: readonly Manifest[]): Map<string, string[]> {
  const all = ends(manifests);
  const found = new Map<string, string[]>();
  for (const from of all) {
    for (const to of all) {
      if (from === to) continue;
      const open = (['TCP', 'UDP'] as const).flatMap((protocol) =>
        ports
          .filter((port) => mayConnect(manifests, from, to, port, protocol))
          .map((port) => (protocol === 'UDP' ? `${port}/UDP` : `${port}`)),
      );
      if (open.length > 0) found.set(`${from.name} → ${to.name}`, open);
    }
  }
  return found;
}

/** What the mesh's policies open that those of the user do not, whom they stand beside. */
function opened(manifests: readonly Manifest[]): Record<string, string> {
  const companions = companionsIn(manifests);
  const before = connections(manifests.filter((manifest) => !companions.includes(manifest)));
  const after = connections(manifests);
  for (const [pair, open] of before) expect(after.get(pair)).toEqual(expect.arrayContaining(open));
  const more = [...after].map(
    ([pair, open]) => [pair, open.filter((port) => !before.get(pair)?.includes(port))] as const,
  );
  return Object.fromEntries(more.filter(([, open]) => open.length > 0).map(([pair, open]) => [pair, open.join(' ')]));
}

/** What any meshed pod whose egress is restricted needs. */
const needs = (...names: string[]): Record<string, string> =>
  Object.fromEntries(
    names.flatMap((name) => [
      [`${name} → identity`, controlPlane.join(' ')],
      [`${name} → dns`, '53 53/UDP'],
      [`${name} → openshift-dns`, '5353 5353/UDP'],
      [`${name} → node-dns`, '53 53/UDP'],
    ]),
  );

/** Realistic policies, and what the mesh needs under each beside `needs`. */
const denyAll = { podSelector: {}, policyTypes: ['Ingress', 'Egress'] };

describe('connections.allowTo', () => {
  const allow = ({ web, orders, db }: Shop) => {
    web.connections.allowTo(orders);
    orders.connections.allowTo(db);
  };

  it('lets the sidecar of the caller reach control plane and DNS; HTTP goes to the port that is allowed already', () => {
    const shop = shopOf({ injection: webhook });
    shop.web.connections.allowTo(shop.orders);
    const manifests = manifestsOf(shop.app);
    expect(opened(manifests)).toEqual(needs('web'));
    expect(companionsIn(manifests)).toMatchSnapshot();
  });

  it.each([Injection.webhook(), Injection.static()])(
    'opens the proxies of an opaque port to those alone who may call it (%#)',
    (injection) => {
      const shop = shopOf({ injection });
      allow(shop);
      expect(opened(manifestsOf(shop.app))).toEqual({ ...needs('web', 'orders'), 'orders → db': '4143' });
    },
  );

  it('opens proxy and listener of pods in explicit mode to those alone who may call the port', () => {
    const shop = shopOf({ injection: explicit });
    allow(shop);
    const manifests = manifestsOf(shop.app);
    expect(opened(manifests)).toEqual({
      ...needs('web', 'orders'),
      'web → orders': '4143 14143',
      'orders → db': '4143 14143',
    });
    expect(companionsIn(manifests)).toMatchSnapshot();
  });

  it('with cdk8s-plus-33, meshed by a mixin, does the same', () => {
    const app = new App();
    const chart = new Chart(app, 'shop', { namespace: 'shop', disableResourceNameHashes: true });
    const [web, db] = ['web', 'db'].map(
      (name) => new kplus33.Deployment(chart, name, { containers: [{ image: name, portNumber: 5432 }] }),
    );
    web.connections.allowTo(db);
    chart.with(new MeshInjection());
    expect(opened(manifestsOf(app))).toEqual({ ...needs('web'), 'web → db': '4143' });
  });
});

describe('policies of the well-known kinds', () => {
  it.each([
    ['all of a namespace denied', {}, denyAll, needs('web', 'orders', 'db')],
    ['what comes in denied', {}, { podSelector: {}, policyTypes: ['Ingress'] }, {}],
    ['what comes in denied, by a policy that says no types', {}, { podSelector: {} }, {}],
    [
      'only DNS let out',
      {},
      {
        podSelector: {},
        policyTypes: ['Egress'],
        egress: [
          {
            to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } } }],
            ports: [{ protocol: 'UDP', port: 53 }],
          },
        ],
      },
      Object.fromEntries(
        Object.entries(needs('web', 'orders', 'db')).map(([pair, open]) => [
          pair,
          pair.endsWith('→ dns') ? '53' : open,
        ]),
      ),
    ],
    ['everything let out by a rule', {}, { podSelector: {}, policyTypes: ['Egress'], egress: [{}] }, {}],
    [
      'a namespace let in, at an opaque port',
      {},
      {
        podSelector: { matchLabels: { app: 'db' } },
        ingress: [
          {
            from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
            ports: [{ port: 'main' }],
          },
        ],
      },
      { 'prometheus → db': '4143' },
    ],
    [
      'some pods of a namespace let in, at all ports',
      {},
      {
        podSelector: { matchLabels: { app: 'db' } },
        ingress: [{ from: [{ podSelector: { matchLabels: { app: 'web' } } }] }],
      },
      {},
    ],
    [
      'everybody let in at one port, of pods in explicit mode',
      { orders: { injection: explicit } },
      {
        podSelector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['orders', 'db'] }] },
        policyTypes: ['Ingress'],
        ingress: [{ ports: [{ protocol: 'TCP', port: 8080 }] }],
      },
      Object.fromEntries(
        ['web', 'db', ...others.map(({ name }) => name)].map((name) => [`${name} → orders`, '4143 14143']),
      ),
    ],
    [
      'a range of ports let in, with the sidecars among them',
      { orders: { injection: explicit } },
      { podSelector: { matchLabels: { app: 'orders' } }, ingress: [{ ports: [{ port: 4000, endPort: 9000 }] }] },
      Object.fromEntries(['web', 'db', ...others.map(({ name }) => name)].map((name) => [`${name} → orders`, '14143'])),
    ],
    [
      'UDP let in, which no proxy carries',
      { orders: { injection: explicit } },
      { podSelector: { matchLabels: { app: 'orders' } }, ingress: [{ ports: [{ protocol: 'UDP', port: 8080 }] }] },
      {},
    ],
    [
      'addresses outside let out to, at an opaque port',
      {},
      {
        podSelector: { matchLabels: { app: 'orders' } },
        policyTypes: ['Egress'],
        egress: [{ to: [{ ipBlock: { cidr: '203.0.113.0/24' } }], ports: [{ port: 5432 }] }],
      },
      needs('orders'),
    ],
    [
      'pods of another app let out to, at a port that is opaque by default',
      {},
      {
        podSelector: { matchLabels: { app: 'orders' } },
        policyTypes: ['Egress'],
        egress: [
          {
            to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
            ports: [{ port: 5432 }, { port: 8080 }],
          },
        ],
      },
      { ...needs('orders'), 'orders → prometheus': '4143' },
    ],
    ['those of another namespace', {}, denyAll, {}, 'other'],
  ] as [string, Parameters<typeof shopOf>[1], object, Record<string, string>, string?][])(
    '%s',
    (_, mesh, spec, expected, namespace) => {
      const shop = shopOf({ injection: webhook }, mesh);
      shop.policy('policy', spec, namespace);
      expect(opened(manifestsOf(shop.app))).toEqual(expected);
    },
  );

  it('that say all this with cdk8s-plus', () => {
    const shop = shopOf({ injection: webhook });
    const { chart, db } = shop;
    new NetworkPolicy(chart, 'deny', {
      selector: Pods.all(chart, 'all', { namespaces: Namespaces.select(chart, 'here', { names: ['shop'] }) }),
      ingress: { default: NetworkPolicyTrafficDefault.DENY },
      egress: { default: NetworkPolicyTrafficDefault.DENY },
    });
    new NetworkPolicy(chart, 'callers', {
      selector: db,
      metadata: { namespace: 'shop' },
      ingress: {
        rules: [
          {
            peer: Namespaces.select(chart, 'monitoring', { names: ['monitoring'] }),
            ports: [NetworkPolicyPort.tcp(5432)],
          },
          { peer: NetworkPolicyIpBlock.ipv4(chart, 'block', '203.0.113.7/32'), ports: [NetworkPolicyPort.tcp(5432)] },
        ],
      },
    });
    expect(opened(manifestsOf(shop.app))).toEqual({
      ...needs('web', 'orders', 'db'),
      'prometheus → db': '4143',
      'internet → db': '4143',
    });
  });

  it('in a List', () => {
    const shop = shopOf({ injection: webhook });
    const policy = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { namespace: 'shop' },
      spec: denyAll,
    };
    new ApiObject(shop.chart, 'list', { apiVersion: 'v1', kind: 'List', items: [policy] });
    expect(companionsIn(manifestsOf(shop.app))).toHaveLength(3);
  });

  it('whose peers are told by labels of namespaces: these are looked up in the app, and guessed where it does not make them', () => {
    const open = (labels: Record<string, string> | undefined) => {
      const shop = shopOf({ injection: explicit });
      if (labels) {
        new ApiObject(shop.chart, 'ns', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels } });
      }
      shop.policy('policy', {
        podSelector: { matchLabels: { app: 'web' } },
        policyTypes: ['Egress'],
        egress: [
          {
            to: [
              { namespaceSelector: { matchLabels: { team: 'a' } }, podSelector: { matchLabels: { app: 'orders' } } },
            ],
            ports: [{ port: 8080 }],
          },
        ],
      });
      const rules = companionsIn(manifestsOf(shop.app))[0].spec!.egress as object[];
      return rules.length - 3;
    };
    expect([open({ team: 'a' }), open({ team: 'b' }), open(undefined)]).toEqual([1, 0, 1]);
  });
});

it('a Server that calls a port opaque opens the proxy for it', () => {
  const shop = shopOf({ injection: webhook });
  new ApiObject(shop.chart, 'server', {
    apiVersion: 'policy.linkerd.io/v1beta3',
    kind: 'Server',
    spec: { podSelector: { matchLabels: { app: 'orders' } }, port: 'main', proxyProtocol: 'opaque' },
  });
  shop.web.connections.allowTo(shop.orders);
  expect(opened(manifestsOf(shop.app))).toMatchObject({ 'web → orders': '4143' });
});

it('a port that skips the proxy, and one that the workload calls no longer opaque, are called themselves', () => {
  const shop = shopOf({ injection: webhook }, { db: { skipInboundPorts: [5432] }, orders: { opaquePorts: [1] } });
  shop.web.connections.allowTo(shop.orders);
  shop.orders.connections.allowTo(shop.db);
  expect(opened(manifestsOf(shop.app))).toEqual(needs('web', 'orders'));
});

it('the mesh is looked for where the app says that it stands', () => {
  const shop = shopOf({ injection: webhook });
  MeshReference.of(shop.app, { namespace: 'monitoring' });
  shop.policy('policy', denyAll);
  expect(opened(manifestsOf(shop.app))).toMatchObject({ 'web → prometheus': controlPlane.join(' ') });
});

it('workloads without a sidecar, and those that say no, get none', () => {
  const shop = shopOf({ networkPolicy: false }, { orders: { injection: Injection.disabled() }, db: {} });
  shop.policy('policy', denyAll);
  expect(opened(manifestsOf(shop.app))).toEqual(needs('db'));
});

it('a mixin says no for those who say nothing themselves', () => {
  const shop = shopOf({ networkPolicy: true }, { orders: {}, db: { networkPolicy: false } });
  shop.policy('policy', denyAll);
  shop.chart.with(new MeshInjection({ networkPolicy: false }));
  expect(opened(manifestsOf(shop.app))).toEqual(needs('web'));
});

describe('the policy of a workload', () => {
  it('selects its pods alone, also where others have their labels and more', () => {
    const shop = shopOf({ injection: webhook });
    const metadata = { labels: { app: 'web', tier: 'canary' } };
    new ApiObject(shop.chart, 'canary', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'canary' },
      spec: {
        selector: { matchLabels: { tier: 'canary' } },
        template: { metadata, spec: { containers: [{ name: 'c', image: 'c' }] } },
      },
    });
    const legacy = new ApiObject(shop.chart, 'legacy', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'legacy' },
      spec: {
        selector: { matchLabels: { app: 'web' } },
        template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'c' }] } },
      },
    });
    shop.policy('policy', denyAll);
    legacy.with(new MeshInjection());
    const [policy] = companionsIn(manifestsOf(shop.app)).filter(({ metadata }) => metadata?.name?.includes('legacy'));
    expect(policy.spec?.podSelector).toEqual({ matchLabels: { app: 'web', 'linkerd.io/proxy-deployment': 'legacy' } });
  });

  it('selects by the label of the owner where pods have no other, and warns where they have none at all', () => {
    const app = new App();
    const chart = new Chart(app, 'jobs', { namespace: 'shop' });
    const spec = { containers: [{ name: 'c', image: 'c' }] };
    new ApiObject(chart, 'nightly', {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: 'nightly' },
      spec: { jobTemplate: { spec: { template: { spec } } } },
    });
    new ApiObject(chart, 'pod', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'pod' }, spec });
    new ApiObject(chart, 'deny', { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', spec: denyAll });
    chart.with(new MeshInjection());
    expect(companionsIn(manifestsOf(app)).map(({ spec }) => spec?.podSelector)).toEqual([
      { matchLabels: { 'linkerd.io/proxy-cronjob': 'nightly' } },
    ]);
    expect(MeshWarnings.of(app)).toEqual([
      { path: 'jobs/pod', code: 'TULLE_SIDECAR_SHUT_OUT', message: expect.stringContaining('pod/pod') },
    ]);
  });

  it('stands beside each workload of a List', () => {
    const app = new App();
    const chart = new Chart(app, 'shop', { namespace: 'shop' });
    const item = (name: string) => ({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace: 'shop' },
      spec: { template: { metadata: { labels: { app: name } }, spec: { containers: [{ name, image: name }] } } },
    });
    new ApiObject(chart, 'list', { apiVersion: 'v1', kind: 'List', items: [item('a'), item('b')] });
    new ApiObject(chart, 'deny', { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', spec: denyAll });
    chart.with(new MeshInjection());
    const found = companionsIn(manifestsOf(app));
    expect(found.map(({ metadata, spec }) => [metadata?.namespace, spec?.podSelector])).toEqual([
      ['shop', { matchLabels: { app: 'a' } }],
      ['shop', { matchLabels: { app: 'b' } }],
    ]);
  });

  it('is the same in every synth, whichever way it is made', () => {
    const shop = shopOf({ injection: explicit });
    shop.web.connections.allowTo(shop.orders);
    const first = Testing.synth(shop.chart);
    expect(companionsIn(first)).toHaveLength(2);
    expect(Testing.synth(shop.chart)).toEqual(first);
    expect(manifestsOf(shop.app)).toEqual(JSON.parse(JSON.stringify(first)));
  });

  it('keeps its place among objects that depend on the workload', () => {
    const shop = shopOf({ injection: webhook });
    shop.policy('policy', denyAll).addDependency(shop.web);
    const first = Testing.synth(shop.chart).map(({ metadata }) => metadata.name);
    expect(Testing.synth(shop.chart).map(({ metadata }) => metadata.name)).toEqual(first);
  });

  it('has a file of its own where each object has', () => {
    const shop = shopOf({ injection: webhook }, {}, Testing.app({ yamlOutputType: YamlOutputType.FILE_PER_RESOURCE }));
    shop.policy('policy', denyAll);
    shop.app.synth();
    expect(readdirSync(shop.app.outdir).filter((file) => file.includes('mesh-network-policy'))).toHaveLength(3);
  });

  it('follows policies that come and go', () => {
    const shop = shopOf({ injection: webhook });
    expect(companionsIn(manifestsOf(shop.app))).toEqual([]);
    const policy = shop.policy('policy', denyAll);
    expect(companionsIn(manifestsOf(shop.app))).toHaveLength(3);
    policy.node.scope?.node.tryRemoveChild('policy');
    expect(companionsIn(manifestsOf(shop.app))).toEqual([]);
    shop.policy('again', { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Egress'] });
    expect(companionsIn(manifestsOf(shop.app))).toHaveLength(1);
  });
});
