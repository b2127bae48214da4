import { describe, expect, it } from 'vitest';
import { MeshModel } from './mesh-model.ts';

/** What no API server has checked: objects of a folder whose fields are not what they must be. */

type Path = readonly (string | number)[];

const meta = (name: string) => ({ name, namespace: 'shop' });
const deployment = (name: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: meta(name),
  spec: {
    template: {
      metadata: { labels: { app: name }, annotations: { 'tulle.dev/inject': 'enabled' } },
      spec: {
        serviceAccountName: name,
        initContainers: [{ name: 'warm', image: 'warm', restartPolicy: 'Always', ports: [{ containerPort: 9 }] }],
        containers: [
          {
            ...{
              name,
              image: 'a:1',
              args: ['x'],
              env: [{ name: 'A', value: 'b' }],
              volumeMounts: [{ name: 'v', mountPath: '/v' }],
            },
            ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
            readinessProbe: { httpGet: { path: '/', port: 'http' } },
          },
        ],
        volumes: [{ name: 'v', emptyDir: {} }],
      },
    },
  },
});
const service = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: meta(name),
  spec: { type: 'ClusterIP', selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
});
const parentRefs = [{ group: 'core', kind: 'Service', name: 'orders', port: 80 }];
const headers = [{ type: 'Exact', name: 'x', value: 'y' }];
const modifier = { set: [{ name: 'a', value: 'b' }], remove: ['c'] };
const rules = [
  {
    matches: [{ path: { type: 'PathPrefix', value: '/a' }, headers, queryParams: headers, method: 'GET' }],
    filters: [
      { type: 'RequestHeaderModifier', requestHeaderModifier: modifier },
      { type: 'RequestMirror', requestMirror: { backendRef: { name: 'web', port: 80 }, percent: 10 } },
      { type: 'CORS', cors: { allowOrigins: ['*'], allowMethods: ['GET'], maxAge: 5 } },
    ],
    backendRefs: [
      {
        ...{ name: 'orders', port: 80, weight: 1 },
        filters: [
          {
            type: 'URLRewrite',
            urlRewrite: { hostname: 'a', path: { type: 'ReplaceFullPath', replaceFullPath: '/' } },
          },
        ],
      },
    ],
    timeouts: { request: '1s' },
  },
  { filters: [{ type: 'RequestRedirect', requestRedirect: { scheme: 'https', hostname: 'a.b', statusCode: 301 } }] },
];
const matched = { pathRegex: '/.*', method: 'GET' };
const route = (apiVersion: string, kind: string, spec: object) => ({ apiVersion, kind, metadata: meta('r'), spec });
const [gateway, policy] = ['gateway.networking.k8s.io', 'policy.linkerd.io'];
const bytes = [{ backendRefs: [{ name: 'orders', port: 80, weight: 1 }] }];

const sound: readonly object[] = [
  deployment('orders'),
  service('orders'),
  route(`${gateway}/v1`, 'HTTPRoute', {
    ...{ parentRefs, hostnames: ['orders'] },
    rules: rules.with(0, { ...rules[0], ...{ retry: { codes: [500], attempts: 2, backoff: '1s' } } }),
  }),
  route(`${policy}/v1beta3`, 'HTTPRoute', { parentRefs, rules }),
  // Of a version without them, whose backends are read all the same.
  route(`${policy}/v1beta1`, 'HTTPRoute', { parentRefs, rules: bytes }),
  route(`${policy}/v1beta3`, 'HTTPRoute', {
    parentRefs: [{ group: policy, kind: 'Server', name: 'orders' }],
    rules: [{ matches: [{ path: { value: '/' } }], filters: [{ type: 'ExtensionRef', extensionRef: modifier }] }],
  }),
  route(`${gateway}/v1`, 'GRPCRoute', {
    parentRefs,
    rules: [{ matches: [{ method: { service: 'a', method: 'b' }, headers }], backendRefs: bytes[0].backendRefs }],
  }),
  route(`${gateway}/v1alpha2`, 'TCPRoute', { parentRefs, rules: bytes }),
  route(`${gateway}/v1alpha2`, 'TLSRoute', { parentRefs, hostnames: ['a.b'], rules: bytes }),
  route(`${policy}/v1beta3`, 'Server', { podSelector: { matchLabels: { app: 'orders' } }, port: 8080 }),
  {
    ...{ apiVersion: 'linkerd.io/v1alpha2', kind: 'ServiceProfile', metadata: meta('orders.shop.svc.cluster.local') },
    spec: {
      routes: [
        {
          ...{
            name: 'a',
            condition: { all: [matched, { any: [{ not: matched }] }] },
            isRetryable: true,
            timeout: '1s',
          },
          responseClasses: [{ condition: { status: { min: 500, max: 599 } }, isFailure: true }],
        },
      ],
      retryBudget: { retryRatio: 0.2, minRetriesPerSecond: 10, ttl: '10s' },
      dstOverrides: [{ authority: 'orders.shop.svc.cluster.local:80', weight: '1' }],
      opaquePorts: ['1'],
    },
  },
];
/** Such a Server is there for routes that hang on one. */
const server = sound[9];

function* pathsOf(value: unknown, path: Path = []): Generator<Path> {
  if (path.length > 0) yield path;
  if (typeof value !== 'object' || value === null) return;
  for (const [name, field] of Object.entries(value)) {
    yield* pathsOf(field, [...path, Array.isArray(value) ? Number(name) : name]);
  }
}

function withValue(value: unknown, [name, ...rest]: Path, put: unknown): unknown {
  const field = (value as Record<string | number, unknown>)[name];
  const changed = rest.length === 0 ? put : withValue(field, rest, put);
  return Array.isArray(value) ? value.with(Number(name), changed) : { ...(value as object), [name]: changed };
}

const valueAt = (value: unknown, path: Path): unknown =>
  path.reduce((at, name) => (at as Record<string | number, unknown>)[name], value);

const base = [deployment('web'), service('web'), deployment('orders'), service('orders')];

/** All that is asked of a model of such an object, as text. */
function told(object: object): string {
  const others = base.filter(({ kind, metadata: { name } }) => {
    const { kind: other, metadata } = object as typeof server & { kind: string; metadata: { name: string } };
    return kind !== other || name !== metadata.name;
  });
  const model = MeshModel.fromObjects([...others, ...(object === server ? [] : [server]), object]);
  const asked = [
    ['shop/web', 'http://orders/a'],
    ['shop/web', 'tcp://orders:80'],
  ].flatMap(([from, to]) => (model.workloads.includes('shop/deployment/orders') ? model.call({ from, to }).steps : []));
  const callers = model.workloads.flatMap((workload) => model.callersOf(workload));
  return [...model.problems, ...asked, ...callers].join('\n');
}

describe('a model of objects that no API server has checked', () => {
  const cases = sound.flatMap((object) => {
    const { apiVersion, kind, spec } = object as { apiVersion: string; kind: string; spec: object };
    return [['spec'] as Path, ...[...pathsOf(spec)].map((path) => ['spec', ...path])].map(
      (path) => [`${kind} of ${apiVersion}`, path.join('.'), object, path] as const,
    );
  });

  it('answers whatever stands in whichever field, and tells nothing of its own code', () => {
    const bad = cases.flatMap(([name, field, object, path], index) => {
      // Each of them meets each kind of field, and every field one that it cannot be.
      const values = [{}, [null], 7, [{}]].filter((value) => value !== 7 || typeof valueAt(object, path) !== 'number');
      const value = values[index % values.length];
      const at = `${name} ${field} = ${JSON.stringify(value)}`;
      try {
        const text = told(withValue(object, path, value) as object);
        const own = /.*(is not a|is not iterable|Cannot |cannot be read|undefined|NaN|\[object).*/.exec(text);
        return own === null ? [] : [`${at}: ${own[0]}`];
      } catch (error) {
        return [`${at}: ${(error as Error).stack?.split('\n').slice(0, 2)}`];
      }
    });
    expect(bad).toEqual([]);
  });

  it.each([
    ['spec.rules', {}, 'HTTPRoute.gateway.networking.k8s.io shop/r: spec.rules ({}) must be a list'],
    ['spec.rules.0.backendRefs', 'x', 'shop/r: spec.rules[0].backendRefs (x) must be a list'],
    ['spec.rules.0.matches', {}, 'shop/r: spec.rules[0].matches ({}) must be a list'],
    ['spec.rules.0.matches.0.path.value', 7, 'shop/r: spec.rules[0].matches[0].path.value (7) must be a text'],
    ['spec.parentRefs', 'x', 'shop/r: spec.parentRefs (x) must be a list'],
  ])('tells %s of %j, and goes on without the rules of that route', (field, value, problem) => {
    const object = withValue(sound[2], field.split('.'), value) as object;
    const model = MeshModel.fromObjects([...base, object]);
    expect(model.problems).toContainEqual(expect.stringContaining(problem));
    expect(model.call({ from: 'shop/web', to: 'http://orders/a' })).toMatchObject({ allowed: true, route: undefined });
  });

  it('names file, line, object and field of what it would have to leave out of a folder', () => {
    const text = JSON.stringify(withValue(sound[2], ['spec', 'rules'], {}));
    const message = 'manifests:1: document 1, HTTPRoute r: spec.rules ({}) must be a list';
    expect(() => MeshModel.fromYaml(text)).toThrow(message);
  });
});
