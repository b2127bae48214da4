import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { KubernetesObject } from '../../../lib/kinds/kubernetes-object.ts';
import type { RouteParentStatus } from '../../../lib/kinds/route-object.ts';
import { ApiError, type KubernetesApi } from '../../kubernetes/api.ts';
import type { ObjectSource } from '../../sources/object-source.ts';
import { ObjectStore } from '../../sources/object-store.ts';
import { PolicyIndex } from '../index/policy-index.ts';
import { egressStatus } from './egress-status.ts';
import { controllerName, routeStatus } from './route-status.ts';
import { StatusWriter } from './status-writer.ts';

const group = 'policy.linkerd.io';
const server = {
  apiVersion: `${group}/v1beta3`,
  kind: 'Server',
  metadata: { name: 'web', namespace: 'shop' },
  spec: { podSelector: {}, port: 80 },
};
const service = (name: string, clusterIP = '10.0.0.1') => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'shop' },
  spec: { clusterIP, ports: [{ port: 80 }] },
});
const toServer = { group, kind: 'Server', name: 'web' };
const toService = { group: 'core', kind: 'Service', name: 'web', port: 80 };
const toEgress = { group, kind: 'EgressNetwork', name: 'out', port: 443 };
const egress = (spec: object = {}, status?: object) => ({
  apiVersion: `${group}/v1alpha1`,
  kind: 'EgressNetwork',
  metadata: { name: 'out', namespace: 'shop' },
  spec: { trafficPolicy: 'Deny', ...spec },
  status,
});
const route = (name: string, spec: object, status?: object, kind = 'HTTPRoute') => ({
  apiVersion: kind === 'HTTPRoute' ? `${group}/v1beta3` : 'gateway.networking.k8s.io/v1',
  kind,
  metadata: { name, namespace: 'shop' },
  spec,
  status,
});
const mirrorTo = (name: string) => ({ type: 'RequestMirror', requestMirror: { backendRef: { name, port: 80 } } });
const faultFilter = {
  type: 'ExtensionRef',
  extensionRef: { group: 'tulle.dev', kind: 'FaultInjection', name: 'slow' },
};
const fault = (spec: object, status?: object) => ({
  apiVersion: 'tulle.dev/v1alpha1',
  kind: 'FaultInjection',
  metadata: { name: 'slow', namespace: 'shop' },
  spec,
  status,
});
const now = new Date('2026-05-05T05:05:05.555Z');

let store: ObjectStore;
let index: PolicyIndex;
/** The rules, whatever the sidecars of this version follow. */
let unfollowed: ReadonlySet<string>;
beforeEach(() => {
  store = new ObjectStore();
  unfollowed = new Set();
  const source: ObjectSource = {
    watch: (kind, handler) => store.watch(kind, handler),
    synced: Promise.resolve(),
    close: () => {},
  };
  index = new PolicyIndex(source, () => {});
});
afterEach(() => index.close());

const put = (...objects: object[]) => {
  for (const object of objects) store.put(object as KubernetesObject);
};
function statusOf(name: string, at = now): RouteParentStatus[] | undefined {
  const found = [...index.routes.all()].find(({ object }) => object.metadata.name === name);
  return found && routeStatus(found, index, at, unfollowed);
}
const reasons = (status: RouteParentStatus[] | undefined) =>
  status?.map(({ conditions = [] }) => conditions.map(({ type, status: is, reason }) => `${type} ${is} ${reason}`));

describe('the status of a route', () => {
  test.each<[string, object[], object, string[][]]>([
    ['with its Server', [server], { parentRefs: [toServer] }, [['Accepted True Accepted']]],
    [
      'with a filter that is not supported',
      [server],
      { parentRefs: [toServer], rules: [{ filters: [{ type: 'ExtensionRef' }] }] },
      [['Accepted False UnsupportedValue']],
    ],
    [
      'with a fault, at its Server',
      [server, fault({ delay: { fixedDelay: '1s' } })],
      { parentRefs: [toServer], rules: [{ filters: [faultFilter] }] },
      [['Accepted True Accepted']],
    ],
    [
      'with a fault that is not there, at its Server',
      [server],
      { parentRefs: [toServer], rules: [{}, { filters: [faultFilter] }] },
      [['Accepted True Accepted', 'ResolvedRefs False FaultInjectionNotFound']],
    ],
    [
      'with a fault that cannot hold, of a backend',
      [service('web'), fault({ delay: { fixedDelay: '9h' } })],
      { parentRefs: [toService], rules: [{ backendRefs: [{ name: 'web', port: 80, filters: [faultFilter] }] }] },
      [['Accepted True Accepted', 'ResolvedRefs False FaultInjectionInvalid']],
    ],
    [
      'with a fault that has no status of its protocol',
      [service('web'), fault({ abort: { grpcStatus: 'INTERNAL' } })],
      { parentRefs: [toService], rules: [{ filters: [faultFilter] }] },
      [['Accepted True Accepted', 'ResolvedRefs False FaultInjectionInvalid']],
    ],
    [
      'that cannot be served at all',
      [server],
      { parentRefs: [toServer], rules: [{ matches: [{ path: { type: 'RegularExpression', value: '(' } }] }] },
      [['Accepted False UnsupportedValue']],
    ],
    [
      'with a mirror, which is for Services',
      [server, service('web')],
      { parentRefs: [toServer, toService], rules: [{ filters: [mirrorTo('web')] }] },
      [['Accepted False UnsupportedValue'], ['Accepted True Accepted', 'ResolvedRefs True ResolvedRefs']],
    ],
    [
      'with sessions, which are for Services',
      [server, service('web')],
      { parentRefs: [toServer, toService], rules: [{ sessionPersistence: { sessionName: 'seat' } }] },
      [['Accepted False UnsupportedValue'], ['Accepted True Accepted', 'ResolvedRefs True ResolvedRefs']],
    ],
    [
      'with sessions that nobody can keep',
      [service('web')],
      { parentRefs: [toService], rules: [{ sessionPersistence: { idleTimeout: '1m' } }] },
      [['Accepted False UnsupportedValue', 'ResolvedRefs True ResolvedRefs']],
    ],
    [
      'with a mirror to what is not there',
      [service('web')],
      { parentRefs: [toService], rules: [{ filters: [mirrorTo('gone')] }] },
      [['Accepted True Accepted', 'ResolvedRefs False BackendNotFound']],
    ],
    ['without its Server', [], { parentRefs: [toServer] }, [['Accepted False NoMatchingParent']]],
    [
      'with its Service',
      [service('web')],
      { parentRefs: [toService] },
      [['Accepted True Accepted', 'ResolvedRefs True ResolvedRefs']],
    ],
    [
      'with a headless Service',
      [service('web', 'None')],
      { parentRefs: [toService] },
      [['Accepted False NoMatchingParent', 'ResolvedRefs True ResolvedRefs']],
    ],
    [
      'with a backend that is not there',
      [service('web')],
      {
        parentRefs: [toService],
        rules: [
          {
            backendRefs: [
              { name: 'web', port: 80 },
              { name: 'gone', port: 80 },
            ],
          },
        ],
      },
      [['Accepted True Accepted', 'ResolvedRefs False BackendNotFound']],
    ],
    [
      'with a backend of another namespace that it may not name, there or not',
      [service('web')],
      { parentRefs: [toService], rules: [{ backendRefs: [{ name: 'web', namespace: 'other', port: 80 }] }] },
      [['Accepted True Accepted', 'ResolvedRefs False RefNotPermitted']],
    ],
    [
      'with a backend of another kind',
      [service('web')],
      { parentRefs: [toService], rules: [{ backendRefs: [{ kind: 'Bucket', name: 'b' }] }] },
      [['Accepted True Accepted', 'ResolvedRefs False InvalidKind']],
    ],
    [
      'beside a GRPCRoute on the same parent',
      [service('web'), route('g', { parentRefs: [toService] }, undefined, 'GRPCRoute')],
      { parentRefs: [toService] },
      [['Accepted False RouteReasonConflicted', 'ResolvedRefs True ResolvedRefs']],
    ],
    [
      'of TLS beside an HTTPRoute on the same parent',
      [service('web'), route('h', { parentRefs: [toService] })],
      { kind: 'TLSRoute', parentRefs: [toService] },
      [['Accepted False RouteReasonConflicted', 'ResolvedRefs True ResolvedRefs']],
    ],
    [
      'of TCP beside a TLSRoute on the same parent',
      [service('web'), route('t', { parentRefs: [toService], rules: [{}] }, undefined, 'TLSRoute')],
      { kind: 'TCPRoute', parentRefs: [toService] },
      [['Accepted False RouteReasonConflicted', 'ResolvedRefs True ResolvedRefs']],
    ],
    [
      'of TLS beside a TCPRoute on the same parent',
      [service('web'), route('t', { parentRefs: [toService], rules: [{}] }, undefined, 'TCPRoute')],
      { kind: 'TLSRoute', parentRefs: [toService] },
      [['Accepted True Accepted', 'ResolvedRefs True ResolvedRefs']],
    ],
    [
      'of TCP beside a GRPCRoute of another namespace',
      [
        service('web'),
        {
          ...route('g', { parentRefs: [{ ...toService, namespace: 'shop' }] }, undefined, 'GRPCRoute'),
          metadata: { name: 'g', namespace: 'other' },
        },
      ],
      { kind: 'TCPRoute', parentRefs: [toService] },
      [['Accepted True Accepted', 'ResolvedRefs True ResolvedRefs']],
    ],
    [
      'with its EgressNetwork, itself a backend',
      [egress()],
      { kind: 'TLSRoute', parentRefs: [toEgress], rules: [{ backendRefs: [{ ...toEgress, port: undefined }] }] },
      [['Accepted True Accepted', 'ResolvedRefs True ResolvedRefs']],
    ],
    [
      'without its EgressNetwork',
      [],
      { kind: 'TCPRoute', parentRefs: [toEgress] },
      [['Accepted False NoMatchingParent', 'ResolvedRefs True ResolvedRefs']],
    ],
    [
      'with its EgressNetwork and no port of it',
      [egress()],
      { parentRefs: [{ ...toEgress, port: undefined }] },
      [['Accepted False NoMatchingParent', 'ResolvedRefs True ResolvedRefs']],
    ],
    [
      'of a Service with an EgressNetwork as backend',
      [service('web'), egress()],
      { kind: 'TCPRoute', parentRefs: [toService], rules: [{ backendRefs: [toEgress] }] },
      [['Accepted True Accepted', 'ResolvedRefs False InvalidKind']],
    ],
    [
      'with several parents, of which one is none of ours',
      [server, service('web')],
      { parentRefs: [toServer, { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'g' }, toService] },
      [['Accepted True Accepted'], ['Accepted True Accepted', 'ResolvedRefs True ResolvedRefs']],
    ],
  ])('%s', (_name, objects, spec, expected) => {
    const { kind, ...rest } = { rules: [{}], ...spec } as { kind?: string };
    put(...objects, route('r', rest, undefined, kind));
    expect(reasons(statusOf('r'))).toEqual(expected);
  });

  test('with a share of traces that cannot be read says so, while its rules hold', () => {
    const made = route('r', { parentRefs: [toService] });
    const annotations = { 'tracing.tulle.dev/sample-rate': 'all' };
    put(service('web'), { ...made, metadata: { ...made.metadata, annotations } });
    const [{ conditions = [] }] = statusOf('r') as RouteParentStatus[];
    expect(conditions[0]).toMatchObject({
      status: 'False',
      reason: 'UnsupportedValue',
      message: 'the annotation tracing.tulle.dev/sample-rate (all) must be a number from 0 to 1',
    });
    expect([...index.routes.all()][0].rules).toMatchObject({ rules: [{}] });
  });

  test('whose parent no sidecar follows says so', () => {
    unfollowed = new Set(['Service']);
    put(service('web'), server, route('r', { parentRefs: [toService, toServer] }));
    expect(reasons(statusOf('r'))).toEqual([
      ['Accepted False NotFollowed', 'ResolvedRefs True ResolvedRefs'],
      ['Accepted True Accepted'],
    ]);
    expect(statusOf('r')?.[0].conditions?.[0].message).toBe('no sidecar of this version follows it yet');
  });

  test('names parent, controller and time, and keeps what others wrote', () => {
    const other = { parentRef: { name: 'g' }, controllerName: 'example.com/gateway', conditions: [] };
    put(service('web'), route('r', { parentRefs: [toService] }, { parents: [other] }));
    const status = statusOf('r');
    expect(status?.[0]).toEqual(other);
    expect(status?.[1]).toMatchObject({
      controllerName: 'linkerd.io/policy-controller',
      parentRef: { group: 'core', kind: 'Service', namespace: 'shop', name: 'web', port: 80 },
      conditions: [
        { type: 'Accepted', message: '', lastTransitionTime: '2026-05-05T05:05:05Z' },
        { type: 'ResolvedRefs' },
      ],
    });
  });

  test('is left alone when it is right, and keeps the time of a condition that stays', () => {
    put(service('web'));
    const rules = [{ backendRefs: [{ name: 'web', port: 80 }] }];
    put(route('r', { parentRefs: [toService], rules }));
    const first = statusOf('r');
    put(route('r', { parentRefs: [toService], rules }, { parents: first }));
    expect(statusOf('r')).toBeUndefined();
    put(
      route(
        'r',
        { parentRefs: [toService], rules: [{ backendRefs: [{ name: 'gone', port: 80 }] }] },
        { parents: first },
      ),
    );
    const later = statusOf('r', new Date('2026-06-06T06:06:06Z'));
    expect(later?.[0].conditions?.map(({ lastTransitionTime }) => lastTransitionTime)).toEqual([
      '2026-05-05T05:05:05Z',
      '2026-06-06T06:06:06Z',
    ]);
    put(route('r', { parentRefs: [] }, { parents: first }));
    expect(statusOf('r')).toEqual([]);
  });

  test('tells of which generation of the route it is, and with a new one keeps the time of what stays', () => {
    const spec = { parentRefs: [toService] };
    const at = (generation: number, status?: object) => {
      const object = route('r', spec, status);
      return { ...object, metadata: { ...object.metadata, generation } };
    };
    put(service('web'), at(1));
    const first = statusOf('r');
    expect(first?.[0].conditions).toMatchObject([{ observedGeneration: 1 }, { observedGeneration: 1 }]);
    put(at(1, { parents: first }));
    expect(statusOf('r')).toBeUndefined();
    put(at(2, { parents: first }));
    const lastTransitionTime = '2026-05-05T05:05:05Z';
    expect(statusOf('r', new Date('2026-06-06T06:06:06Z'))?.[0].conditions).toMatchObject([
      { type: 'Accepted', observedGeneration: 2, lastTransitionTime },
      { type: 'ResolvedRefs', observedGeneration: 2, lastTransitionTime },
    ]);
  });
});

describe('the status of an EgressNetwork', () => {
  const statusNow = (at = now) => {
    const found = index.egress.get('shop/out');
    return found && egressStatus(found, ['10.0.0.0/8'], at);
  };
  test.each<[string, object, string, string]>([
    ['of all that is outside is accepted', {}, 'True Accepted', ''],
    ['of what is outside is accepted', { networks: [{ cidr: '192.0.2.0/24' }] }, 'True Accepted', ''],
    [
      'that reaches into the cluster says what to except',
      { networks: [{ cidr: '192.0.2.0/24' }, { cidr: '0.0.0.0/0' }] },
      'False EgressReasonNetworkOverlap',
      'spec.networks[1].cidr (0.0.0.0/0) reaches into the cluster, where it does not hold: add 10.0.0.0/8 to its except',
    ],
    [
      'that is wrong says where',
      { networks: [{ cidr: 'everything' }] },
      'False Invalid',
      'spec.networks[0].cidr (everything) must be an address or a network such as 10.0.0.0/8',
    ],
  ])('%s', (_name, spec, expected, message) => {
    put(egress(spec));
    const [condition] = statusNow() ?? [];
    expect(`${condition.status} ${condition.reason}`).toBe(expected);
    expect(condition).toMatchObject({ type: 'Accepted', message, lastTransitionTime: '2026-05-05T05:05:05Z' });
  });

  test('is left alone when it is right, and conditions of others stay', () => {
    const other = { type: 'Reachable', status: 'True', reason: 'Probed', message: '', lastTransitionTime: 'then' };
    put(egress({}, { conditions: [other] }));
    const conditions = statusNow();
    expect(conditions).toMatchObject([other, { type: 'Accepted' }]);
    put(egress({}, { conditions }));
    expect(statusNow()).toBeUndefined();
    put(egress({ networks: [{ cidr: '10.0.0.0/9' }] }, { conditions }));
    expect(statusNow(new Date('2026-06-06T06:06:06Z'))).toMatchObject([
      other,
      { type: 'Accepted', status: 'False', lastTransitionTime: '2026-06-06T06:06:06Z' },
    ]);
  });
});

describe('the writer', () => {
  interface Patch {
    path: string;
    body: { status: { parents: RouteParentStatus[] } };
  }
  let patches: Patch[];
  let answer: () => Promise<unknown>;
  let writer: StatusWriter;
  beforeEach(() => {
    patches = [];
    answer = () => Promise.resolve({});
    const refuse = (): Promise<never> => Promise.reject(new Error('not asked for'));
    const api: KubernetesApi = {
      get: refuse,
      create: refuse,
      replace: refuse,
      delete: refuse,
      patch: <T>(path: string, body: unknown, type: string) => {
        expect(type).toBe('merge');
        patches.push({ path, body: body as Patch['body'] });
        return answer() as Promise<T>;
      },
    };
    writer = new StatusWriter({
      index,
      clusterNetworks: ['10.0.0.0/8'],
      api,
      log: pino({ level: 'silent' }),
      now: () => now,
      retryMs: 10,
    });
  });
  afterEach(() => writer.stop());

  test('writes what is there when it starts, then what changes, once', async () => {
    put(server, route('r', { parentRefs: [toServer] }));
    writer.start();
    await vi.waitFor(() => expect(patches).toHaveLength(1));
    expect(patches[0].path).toBe('/apis/policy.linkerd.io/v1beta3/namespaces/shop/httproutes/r/status');
    expect(reasons(patches[0].body.status.parents)).toEqual([['Accepted True Accepted']]);
    // The source has not shown it yet when something else changes.
    put(service('other'));
    put(route('g', { parentRefs: [toServer] }, undefined, 'GRPCRoute'));
    await vi.waitFor(() => expect(patches).toHaveLength(3));
    expect(patches.slice(1).map(({ path, body }) => [path.split('/').at(-2), reasons(body.status.parents)])).toEqual([
      ['r', [['Accepted False RouteReasonConflicted']]],
      ['g', [['Accepted True Accepted']]],
    ]);
  });

  test('tries again after an error, but not for a route that is gone', async () => {
    put(server, route('r', { parentRefs: [toServer] }), route('s', { parentRefs: [toServer] }));
    const errors = [new ApiError(503, '', 'busy', { retryAfterMs: 1 }), new ApiError(404, 'NotFound', 'gone')];
    answer = () => {
      const error = errors.shift();
      return error === undefined ? Promise.resolve({}) : Promise.reject(error);
    };
    writer.start();
    await vi.waitFor(() => expect(patches.length).toBeGreaterThanOrEqual(3));
    expect(patches.slice(0, 3).map(({ path }) => path.split('/').at(-2))).toEqual(['r', 's', 'r']);
  });

  test('does not overwrite what another controller wrote since the route was read', async () => {
    const other = { parentRef: { name: 'g' }, controllerName: 'example.com/gateway', conditions: [] };
    const at = (resourceVersion: string, status?: object) => {
      const object = route('r', { parentRefs: [toServer] }, status);
      return { ...object, metadata: { ...object.metadata, resourceVersion } };
    };
    put(server, at('1'));
    answer = () => Promise.reject(new ApiError(409, 'Conflict', 'has changed'));
    writer.start();
    await vi.waitFor(() => expect(patches.length).toBeGreaterThan(0));
    expect(patches[0].body).toMatchObject({ metadata: { resourceVersion: '1' } });
    answer = () => Promise.resolve({});
    put(at('2', { parents: [other] }));
    await vi.waitFor(() => expect(patches.at(-1)?.body).toMatchObject({ metadata: { resourceVersion: '2' } }));
    expect(patches.at(-1)?.body.status.parents).toMatchObject([other, { controllerName }]);
  });

  test('writes that of EgressNetworks too', async () => {
    put(egress());
    writer.start();
    await vi.waitFor(() => expect(patches).toHaveLength(1));
    expect(patches[0]).toMatchObject({
      path: '/apis/policy.linkerd.io/v1alpha1/namespaces/shop/egressnetworks/out/status',
      body: { kind: 'EgressNetwork', status: { conditions: [{ type: 'Accepted', status: 'True' }] } },
    });
  });

  test('writes nothing when it is not the leader', async () => {
    writer.start();
    await writer.stop();
    put(server, route('r', { parentRefs: [toServer] }));
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(patches).toEqual([]);
  });
});
