import { expect, test } from 'vitest';
import { MalformedObject, trim } from './trim.ts';

const metadata = {
  name: 'web-1',
  namespace: 'shop',
  uid: 'u',
  resourceVersion: '7',
  creationTimestamp: '2026-01-01T00:00:00Z',
  labels: { app: 'web' },
  annotations: { note: 'x', 'kubectl.kubernetes.io/last-applied-configuration': '{"apiVersion":"v1"}' },
  ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'o', controller: true }],
  managedFields: [{ manager: 'kubectl' }],
  finalizers: ['x'],
};

test('of a pod what is read stays, and nothing else', () => {
  const pod = trim('Pod', 'v1', {
    metadata,
    spec: {
      nodeName: 'n1',
      volumes: [{ name: 'v' }],
      containers: [
        {
          name: 'tulle-proxy',
          image: 'i',
          resources: {},
          env: [
            { name: 'LINKERD2_PROXY_LOG', value: 'warn' },
            { name: 'LINKERD2_PROXY_EXPLICIT_MODE', value: 'true' },
            { name: 'PASSWORD', value: 'secret' },
          ],
          ports: [{ name: 'http', containerPort: 80, hostPort: null }],
          readinessProbe: { httpGet: { path: '/ready', port: 80, scheme: 'HTTP' }, periodSeconds: 1 },
        },
      ],
    },
    status: {
      phase: 'Running',
      qosClass: 'BestEffort',
      podIPs: [{ ip: '10.1.1.1' }],
      conditions: [{ type: 'Ready', status: 'True', lastProbeTime: null }],
    },
  });
  expect(pod).toEqual({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'web-1',
      namespace: 'shop',
      uid: 'u',
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { app: 'web' },
      annotations: { note: 'x' },
      ownerReferences: [{ kind: 'ReplicaSet', name: 'web', controller: true }],
    },
    spec: {
      nodeName: 'n1',
      containers: [
        {
          name: 'tulle-proxy',
          env: [{ name: 'LINKERD2_PROXY_EXPLICIT_MODE', value: 'true' }],
          ports: [{ name: 'http', containerPort: 80 }],
          readinessProbe: { httpGet: { path: '/ready', port: 80 } },
        },
      ],
    },
    status: {
      phase: 'Running',
      podIPs: [{ ip: '10.1.1.1' }],
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  });
});

test('a policy keeps its whole spec, and the kind of its group', () => {
  const spec = { parentRefs: [{ name: 'web', kind: 'Service' }], rules: [{ matches: [] }] };
  expect(trim('PolicyHTTPRoute', 'policy.linkerd.io/v1beta3', { metadata, spec })).toMatchObject({
    apiVersion: 'policy.linkerd.io/v1beta3',
    kind: 'HTTPRoute',
    spec,
  });
});

test.each([
  [null, 'metadata must be an object'],
  [{ metadata: [] }, 'metadata must be an object'],
  [{ metadata: { namespace: 'shop' } }, 'metadata.name (absent) must be a name'],
  [{ metadata: { name: 7, namespace: 'shop' } }, 'metadata.name (7) must be a name'],
  [{ metadata: { name: 'web' } }, 'metadata.namespace (absent) must be a name'],
  [{ metadata, spec: 'x' }, 'spec ("x") must be an object'],
  [{ metadata, spec: { ports: [{ port: 1 }, 80] } }, 'spec.ports[1] (80) must be an object'],
  [{ metadata, spec: { ports: [null] } }, 'spec.ports[0] (null) must be an object'],
  [{ metadata, spec: { ports: { port: 80 } } }, 'spec.ports ({"port":80}) must be a list'],
  [{ metadata, spec: { ports: [{ port: '80' }] } }, 'spec.ports[0].port ("80") must be a number'],
  [
    { metadata, spec: { ports: [{ port: 80, targetPort: [] }] } },
    'spec.ports[0].targetPort ([]) must be a number or a name',
  ],
  [{ metadata, spec: { clusterIPs: '10.0.0.1' } }, 'spec.clusterIPs ("10.0.0.1") must be a list of texts'],
  [{ metadata: { ...metadata, labels: { on: true } } }, 'metadata.labels ({"on":true}) must be a map of texts'],
])('%j is refused by its field', (object, message) => {
  expect(() => trim('Service', 'v1', object)).toThrow(new MalformedObject(message));
});

test('null is nothing, wherever it stands in place of a map or a list', () => {
  const object = {
    metadata: { name: 'web', namespace: 'shop', labels: null, annotations: null },
    spec: { ports: null },
  };
  expect(trim('Service', 'v1', object)).toEqual({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop' },
    spec: {},
  });
});

test('of a route version and generation stay, for who writes its status', () => {
  expect(trim('HTTPRoute', 'gateway.networking.k8s.io/v1', { metadata }).metadata.resourceVersion).toBe('7');
  expect(trim('Service', 'v1', { metadata }).metadata.resourceVersion).toBeUndefined();
  const changed = { metadata: { ...metadata, generation: 3 } };
  expect(trim('HTTPRoute', 'gateway.networking.k8s.io/v1', changed).metadata.generation).toBe(3);
  expect(trim('Service', 'v1', changed).metadata.generation).toBeUndefined();
});

test('an object of the whole cluster needs no namespace', () => {
  expect(trim('Node', 'v1', { metadata: { name: 'n1' } })).toEqual({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n1' },
  });
});

test('fields that are null are not there, wherever they stand, and items of lists stay what they are', () => {
  const named = { metadata: { name: 'r', namespace: 'shop' } };
  const spec = { hostnames: null, rules: [null, { matches: null, backendRefs: [{ name: 'a', port: null }] }] };
  expect(trim('HTTPRoute', 'gateway.networking.k8s.io/v1', { ...named, spec })).toMatchObject({
    spec: { rules: [null, { backendRefs: [{ name: 'a' }] }] },
  });
  const { rules } = trim('HTTPRoute', 'gateway.networking.k8s.io/v1', { ...named, spec }).spec;
  expect([rules?.length, Object.keys(rules?.[1] ?? {})]).toEqual([2, ['backendRefs']]);
  const whole = { rules: [{ matches: [] }] };
  expect(trim('HTTPRoute', 'gateway.networking.k8s.io/v1', { ...named, spec: whole }).spec).toBe(whole);
});
