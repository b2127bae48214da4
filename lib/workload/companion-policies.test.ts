import { ApiObject, App, Chart } from 'cdk8s';
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
import { Injection, MeshInjection, MeshReference } from '../index.ts';
import {
  companionsIn,
  controlPlane,
  denyAll,
  manifestsOf,
  needs,
  opened,
  others,
  type Shop,
  shopOf,
} from './testing/shop.ts';

vi.spyOn(process, 'emitWarning').mockImplementation(() => {});

const webhook = Injection.webhook();
const explicit = Injection.explicit();

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
      'several let out to by one rule, of whom one has a proxy to be called',
      { orders: { injection: explicit } },
      {
        podSelector: { matchLabels: { app: 'web' } },
        policyTypes: ['Egress'],
        egress: [
          {
            to: ['orders', 'stranger', 'db'].map((app) => ({ podSelector: { matchLabels: { app } } })),
            ports: [{ port: 8080 }],
          },
        ],
      },
      { ...needs('web'), 'web → orders': '4143 14143' },
    ],
    [
      'all TCP ports let in by their numbers',
      { orders: { injection: explicit } },
      { podSelector: {}, ingress: [{ ports: [{ protocol: 'TCP', port: 0, endPort: 65_535 }] }] },
      {},
    ],
    [
      'Prometheus let in at the metrics of the proxies, and a caller at the listener alone, in explicit mode',
      { orders: { injection: explicit } },
      {
        podSelector: {},
        ingress: [
          {
            from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
            ports: [{ port: 4191 }],
          },
          {
            from: [{ podSelector: { matchLabels: { app: 'web' } } }],
            ports: [{ port: 14_143 }, { port: 'tulle-in-8080' }],
          },
        ],
      },
      {},
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

it('a namespace that calls a port opaque opens the proxy for it, also of sidecars that are written at synth', () => {
  const shop = shopOf({ injection: Injection.static() });
  const annotations = { 'config.tulle.dev/opaque-ports': '8000-8100' };
  new ApiObject(shop.chart, 'namespace', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'shop', annotations },
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
