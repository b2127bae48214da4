import { stringify } from 'yaml';
import { MeshModel } from '../../../model/mesh-model.ts';
import { Issuer } from '../../../proxy/tokens/testing/issuer.ts';
import type { Workload } from '../test-mesh.ts';

/** Workloads that are called by HTTP at 8080, each with the Service of its name. */
export const names = ['web', 'orders', 'next', 'open'] as const;
const group = 'policy.linkerd.io';
const gateway = 'gateway.networking.k8s.io/v1';
const object = (apiVersion: string, kind: string, name: string, spec: object) => ({
  ...{ apiVersion, kind, metadata: { name, namespace: 'test' }, spec },
});
const server = (name: string, accessPolicy: string) =>
  object(`${group}/v1beta3`, 'Server', name, {
    ...{ podSelector: { matchLabels: { app: name } }, port: 8080, accessPolicy },
  });
const serverRef = (name: string) => ({ group, kind: 'Server', name });
const allow = (name: string, targetRef: object, ...accounts: string[]) =>
  object(`${group}/v1alpha1`, 'AuthorizationPolicy', name, {
    targetRef,
    requiredAuthenticationRefs: accounts.map((account) => ({ kind: 'ServiceAccount', name: account })),
  });
const prefix = (value: string) => ({ path: { type: 'PathPrefix', value } });

const objects = [
  server('orders', 'deny'),
  server('next', 'all-authenticated'),
  allow('orders-from-web', serverRef('orders'), 'web'),
  object(`${group}/v1beta3`, 'HTTPRoute', 'orders-paths', {
    parentRefs: [serverRef('orders')],
    rules: [
      { matches: [prefix('/items'), { ...prefix('/admin'), method: 'POST' }, { path: { type: 'Exact', value: '/' } }] },
    ],
  }),
  object(`${group}/v1beta3`, 'HTTPRoute', 'orders-public', {
    parentRefs: [serverRef('orders')],
    rules: [{ matches: [prefix('/public')] }],
  }),
  allow('public', { group, kind: 'HTTPRoute', name: 'orders-public' }, 'open', 'next'),
  object(gateway, 'HTTPRoute', 'orders-canary', {
    parentRefs: [{ group: '', kind: 'Service', name: 'orders', port: 8080 }],
    rules: [
      { matches: [{ headers: [{ name: 'x-canary', value: '1' }] }], backendRefs: [{ name: 'next', port: 8080 }] },
      { matches: [prefix('/gone')], backendRefs: [{ name: 'nobody', port: 8080 }] },
      {
        matches: [prefix('/moved')],
        filters: [{ type: 'RequestRedirect', requestRedirect: { hostname: 'elsewhere.org', statusCode: 301 } }],
      },
      {
        matches: [prefix('/old')],
        filters: [
          { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/items' } } },
        ],
        backendRefs: [{ name: 'orders', port: 8080 }],
      },
      {
        backendRefs: [
          { name: 'orders', port: 8080, weight: 3 },
          { name: 'next', port: 8080, weight: 0 },
        ],
      },
    ],
  }),
  object(gateway, 'HTTPRoute', 'open-get', {
    parentRefs: [{ group: '', kind: 'Service', name: 'open', port: 8080 }],
    rules: [
      {
        matches: [{ method: 'GET', queryParams: [{ name: 'v', value: '1' }] }, prefix('/any')],
        backendRefs: [{ name: 'open', port: 8080 }],
      },
    ],
  }),
];

/** Workloads that speak something else, or are called in another way. */
const others = [
  { name: 'bytes', ports: [5432] },
  { name: 'secret', ports: [8443] },
  { name: 'calls', ports: [9000] },
  { name: 'users', ports: [8080], probe: '/live' },
  { name: 'skipped', ports: [8080], annotations: { 'config.tulle.dev/skip-inbound-ports': '8080' } },
];
export const issuer = new Issuer('https://issuer.test', 'EdDSA');
const service = (name: string, spec: object, annotations: object = {}) => ({
  ...{ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'test', annotations }, spec },
});
const serverOf = (name: string, port: number, spec: object = {}) =>
  object(`${group}/v1beta3`, 'Server', name, {
    ...{ podSelector: { matchLabels: { app: name } }, port, accessPolicy: 'deny', ...spec },
  });
const ofService = (name: string, port: number) => ({ parentRefs: [{ group: '', kind: 'Service', name, port }] });
/** Ports of what is outside of the mesh, on this machine's own address. */
export interface OutsidePorts {
  readonly http: number;
  readonly bytes: number;
}

export const workloads: readonly (Workload & { readonly ports: readonly number[] })[] = [
  ...names.map((name) => ({ name, ports: [8080] })),
  ...others,
];

/** All but workloads and their Services. */
export const objectsOf = (ports: OutsidePorts): object[] => [
  ...objects,
  ...['bytes', 'secret', 'calls', 'skipped'].map((name) =>
    serverOf(name, { bytes: 5432, secret: 8443, calls: 9000, skipped: 8080 }[name] ?? 0, {
      ...(name === 'bytes' ? { proxyProtocol: 'opaque' } : {}),
    }),
  ),
  serverOf('users', 8080, { accessPolicy: 'all-authenticated' }),
  ...['bytes', 'secret', 'calls'].map((name) => allow(`${name}-from-web`, serverRef(name), 'web')),
  object('tulle.dev/v1alpha1', 'RequestAuthentication', 'users', {
    ...{ targetRef: serverRef('users'), jwtRules: [{ issuer: issuer.name, jwks: issuer.jwks }] },
  }),
  service('headless', { clusterIP: 'None', selector: { app: 'open' }, ports: [{ name: 'http', port: 8080 }] }),
  service('empty', { selector: { app: 'nobody' }, ports: [{ name: 'http', port: 8080 }] }),
  service('elsewhere', {
    selector: { app: 'next' },
    ports: [
      { name: 'http', port: 80, targetPort: 8080 },
      { name: 'named', port: 81, targetPort: 'tulle-in-8080' },
    ],
  }),
  service('swapped', ofPods('open'), { 'override.tulle.dev/to': 'swap' }),
  service('swap', ofPods('web')),
  service('names', { selector: { app: 'secret' }, ports: [{ name: 'tls', port: 8443 }] }),
  service('ledger', { selector: { app: 'nobody' }, ports: [{ name: 'db', port: 5432 }] }),
  object(gateway, 'TLSRoute', 'names', {
    ...ofService('names', 8443),
    hostnames: ['a.test'],
    rules: [{ backendRefs: [{ name: 'secret', port: 8443 }] }],
  }),
  object(gateway, 'TCPRoute', 'ledger', {
    ...ofService('ledger', 5432),
    rules: [{ backendRefs: [{ name: 'bytes', port: 5432 }] }],
  }),
  object(gateway, 'GRPCRoute', 'calls', {
    ...ofService('calls', 9000),
    rules: [
      { matches: [{ method: { service: 'a.B' } }], backendRefs: [{ name: 'calls', port: 9000 }] },
      { matches: [{ method: { service: 'gone.B' } }], backendRefs: [{ name: 'gone', port: 9000 }] },
    ],
  }),
  object(`${group}/v1alpha1`, 'EgressNetwork', 'outside', { trafficPolicy: 'Deny' }),
  object(gateway, 'HTTPRoute', 'outside', {
    parentRefs: [{ group, kind: 'EgressNetwork', name: 'outside', port: ports.http }],
    hostnames: ['api.example'],
    rules: [{ matches: [prefix('/v1')] }],
  }),
];
/** Of a Service at 8080. */
const ofPods = (app: string) => ({ selector: { app }, ports: [{ name: 'http', port: 8080 }] });
/** The workloads that answer at Services of another name, and at what is no Service. */
export const behind: Readonly<Record<string, string>> = {
  ...{ headless: 'open', elsewhere: 'next', swapped: 'open', swap: 'web', names: 'secret', ledger: 'bytes' },
  '127.0.0.1': 'outside',
};

/** How a workload and its Service are written. */
function manifestsOf(
  { name, ports, probe, annotations }: (typeof workloads)[number],
  inject: 'enabled' | 'explicit',
): object[] {
  const container = {
    ...{ name, image: 'app:1', ports: ports.map((containerPort) => ({ containerPort })) },
    ...(probe === undefined ? {} : { livenessProbe: { httpGet: { path: probe, port: ports[0] } } }),
  };
  const template = {
    metadata: { labels: { app: name }, annotations: { 'tulle.dev/inject': inject, ...annotations } },
    spec: { serviceAccountName: name, containers: [container] },
  };
  const metadata = { name, namespace: 'test' };
  return [
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { template } },
    service(name, { selector: { app: name }, ports: ports.map((port) => ({ name: `p${port}`, port })) }),
  ];
}

/** The model of the mesh, in which connections are led to sidecars, or whose applications ask theirs as a proxy. */
export function modelOf(inject: 'enabled' | 'explicit', ports: OutsidePorts): MeshModel {
  const manifests = [...workloads.flatMap((one) => manifestsOf(one, inject)), ...objectsOf(ports)];
  return MeshModel.fromYaml(manifests.map((each) => stringify(each)).join('---\n'));
}
