import { describe, expect, it } from 'vitest';
import type { Pod } from '../../lib/kinds/pod.ts';
import { bodiesRight, mayTap, tapRight } from './access.ts';
import { documentAt, targetAt } from './api-documents.ts';
import { callerOf, isApiServer, readRequestHeaderAuth } from './request-header.ts';
import { TappedPods } from './tapped-pods.ts';

const data = {
  'requestheader-client-ca-file': 'CA',
  'requestheader-allowed-names': '["front-proxy-client"]',
  'requestheader-username-headers': '["X-Remote-User"]',
  'requestheader-group-headers': '["X-Remote-Group"]',
  'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
};
const auth = readRequestHeaderAuth(data);

describe('who asks', () => {
  const socket = (authorized: boolean, name: string) =>
    ({ authorized, getPeerCertificate: () => ({ subject: { CN: name } }) }) as never;

  it('is told by the API server alone, whose certificate has a name that is allowed', () => {
    expect(isApiServer(socket(true, 'front-proxy-client'), auth)).toBe(true);
    expect(isApiServer(socket(true, 'other'), auth)).toBe(false);
    expect(isApiServer(socket(false, 'front-proxy-client'), auth)).toBe(false);
    const anyName = readRequestHeaderAuth({ ...data, 'requestheader-allowed-names': '[]' });
    expect(isApiServer(socket(true, 'other'), anyName)).toBe(true);
  });

  it('is a user with groups and what else is known of him', () => {
    const headers = {
      'x-remote-user': ['anna'],
      'x-remote-group': ['dev', 'system:authenticated'],
      'x-remote-extra-scopes.example.com%2fview': ['read', 'write'],
      other: ['x'],
    };
    expect(callerOf(headers, auth)).toEqual({
      user: 'anna',
      groups: ['dev', 'system:authenticated'],
      extra: { 'scopes.example.com/view': ['read', 'write'] },
    });
    expect(callerOf({ 'x-remote-group': ['system:masters'] }, auth)).toBeUndefined();
  });

  it.each([
    [{}, 'requestheader-client-ca-file is not there: is the aggregation layer on?'],
    [{ ...data, 'requestheader-username-headers': '' }, 'requestheader-username-headers names no header'],
    [{ ...data, 'requestheader-group-headers': '{}' }, 'requestheader-group-headers must be a list of texts'],
  ])('cannot be told by %j', (bad: Record<string, string>, message) => {
    expect(() => readRequestHeaderAuth(bad)).toThrow(message);
  });

  it('is asked about by name, group and what else is known, for the very thing', async () => {
    const asked: unknown[] = [];
    const create = async <T>(_path: string, object: unknown) => {
      asked.push(object);
      return { status: { allowed: false, reason: 'no' } } as T;
    };
    const target = { namespace: 'shop', resource: 'deployments', name: 'web' };
    const anna = { user: 'anna', groups: ['dev'], extra: {} };
    expect(await mayTap({ create }, anna, target, tapRight)).toEqual({ allowed: false, reason: 'no' });
    await mayTap({ create }, anna, target, bodiesRight);
    expect(asked).toMatchObject([
      {
        spec: {
          user: 'anna',
          groups: ['dev'],
          resourceAttributes: { ...target, verb: 'watch', group: 'tap.linkerd.io', subresource: 'tap' },
        },
      },
      // What is apart from that: no role that lets people watch has this verb.
      { spec: { user: 'anna', resourceAttributes: { ...target, verb: 'create', subresource: 'tap-bodies' } } },
    ]);
  });
});

describe('a path', () => {
  const api = '/apis/tap.linkerd.io/v1alpha1/watch/namespaces';
  it.each([
    [`${api}/shop/tap`, { namespace: 'shop', resource: 'namespaces', kind: 'namespace', name: 'shop' }],
    [
      `${api}/shop/deployments/web/tap`,
      { namespace: 'shop', resource: 'deployments', kind: 'deployment', name: 'web' },
    ],
    [`${api}/shop/cronjobs/a.b/tap`, { namespace: 'shop', resource: 'cronjobs', kind: 'cronjob', name: 'a.b' }],
    [`${api}/shop/secrets/web/tap`, undefined],
    [`${api}/shop/namespaces/other/tap`, undefined],
    [`${api}/shop/deployments/../tap/tap`, undefined],
    [`${api}/shop/deployments//tap`, undefined],
    [`${api}/shop/deployments/web`, undefined],
    ['/apis/tap.linkerd.io/v1/watch/namespaces/shop/tap', undefined],
  ])('%s names what is tapped', (path, target) => {
    expect(targetAt(path)).toEqual(target);
  });

  it('that is none of the API has no document', () => {
    expect(documentAt('/apis/tap.linkerd.io')).toMatchObject({ kind: 'APIGroup', name: 'tap.linkerd.io' });
    expect(documentAt('constructor')).toBeUndefined();
  });
});

describe('pods', () => {
  const env = [
    { name: 'LINKERD2_PROXY_TAP_SVC_NAME', value: 'tap' },
    { name: 'LINKERD2_PROXY_CONTROL_LISTEN_ADDR', value: '[::]:5190' },
  ];
  const pod = (name: string, changes: object = {}, variables: object[] = env): Pod =>
    ({
      metadata: {
        ...{ name, namespace: 'shop', labels: { 'pod-template-hash': 'abc' } },
        ownerReferences: [{ kind: 'ReplicaSet', name: 'web-abc', controller: true }],
      },
      spec: { containers: [{ name: 'tulle-proxy', env: variables }] },
      status: { phase: 'Running', podIP: `10.0.0.${name.at(-1)}`, ...changes },
    }) as never;
  let tell: (event: never) => void = () => {};
  const pods = new TappedPods({
    watch: (_kind: string, listener: (event: never) => void) => {
      tell = listener as never;
      return () => {};
    },
  } as never);
  const names = (kind: string, name: string) =>
    pods.of({ namespace: 'shop', kind, name }).tapped.map(({ metadata }) => metadata.name);

  it('are those of a workload that run and may be tapped, by what they belong to at any height', () => {
    for (const object of [pod('web-1'), pod('web-2', { phase: 'Pending' }), pod('web-3', {}, [])]) {
      tell({ type: 'added', object } as never);
    }
    expect(names('deployment', 'web')).toEqual(['web-1']);
    expect(names('replicaset', 'web-abc')).toEqual(['web-1']);
    expect(names('namespace', 'shop')).toEqual(['web-1']);
    expect(names('pod', 'web-1')).toEqual(['web-1']);
    expect(names('deployment', 'db')).toEqual([]);
    expect(names('deployment', '')).toEqual(['web-1']);
    expect(names('statefulset', '')).toEqual([]);
    expect(pods.of({ namespace: 'shop', kind: 'deployment', name: 'web' }).others).toBe(2);
    expect(pods.of({ namespace: 'other', kind: 'deployment', name: 'web' })).toEqual({ tapped: [], others: 0 });
  });

  it('are known by their addresses until they are gone', () => {
    expect(pods.labelsAt('10.0.0.1')).toMatchObject({ pod: 'web-1', deployment: 'web', namespace: 'shop' });
    tell({ type: 'modified', object: pod('web-1', { phase: 'Succeeded' }) } as never);
    expect([pods.labelsAt('10.0.0.1'), names('deployment', 'web')]).toEqual([undefined, []]);
  });
});
