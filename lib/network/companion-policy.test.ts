import fc from 'fast-check';
import { expect, it } from 'vitest';
import { injectConfig } from '../inject/config.ts';
import type { Manifest } from '../inject/kubernetes.ts';
import { companionRules, type Surroundings } from './companion-policy.ts';
import { readNetworkPolicy } from './network-policy.ts';
import { type ListeningSidecar, type NetworkedPod, sidecarPortsFor } from './networked-pod.ts';
import { type End, mayConnect } from './testing/evaluate.ts';

const config = injectConfig();
const appPorts = [5432, 8080];
const sidecar: ListeningSidecar = {
  inboundPort: 4143,
  explicit: false,
  listeners: new Map(),
  opaquePorts: [{ from: 5432, to: 5432 }],
  otherPorts: [4143, 4190, 4191].map((port) => ({ from: port, to: port })),
};
const explicit: ListeningSidecar = {
  ...sidecar,
  explicit: true,
  listeners: new Map([
    [5432, 14_143],
    [8080, 14_144],
  ]),
  otherPorts: [...sidecar.otherPorts, { from: 14_143, to: 14_144 }],
};
const sidecarPorts = [4143, 14_143, 14_144];
const ports = [...appPorts, ...sidecarPorts, 4191, 443];

const pod = (name: string, namespace: string, proxy?: ListeningSidecar): NetworkedPod & End => ({
  name,
  namespace,
  labels: { app: name, tier: name < 'c' ? 'front' : 'back' },
  named: { main: 8080 },
  namedPorts: new Map([['main', 8080]]),
  ...(proxy ? { sidecar: proxy } : {}),
});
const pods = [
  pod('a', 'shop', sidecar),
  pod('b', 'shop', explicit),
  pod('c', 'shop'),
  pod('d', 'bank', explicit),
  pod('e', 'bank', sidecar),
];
const identity: End = { name: 'identity', namespace: 'tulle', labels: {} };
const dns: End = { name: 'dns', namespace: 'kube-system', labels: {} };

const namespaceSelector = fc.constantFrom(
  undefined,
  {},
  { matchLabels: { 'kubernetes.io/metadata.name': 'bank' } },
  { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['bank'] }] },
);
const podSelector = fc.constantFrom(
  {},
  { matchLabels: { app: 'a' } },
  { matchLabels: { tier: 'back' } },
  { matchExpressions: [{ key: 'app', operator: 'In', values: ['b', 'd'] }] },
  { matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] },
);
/** What Helm and Go write for what is not set. */
const nulls = fc.constantFrom({}, { ipBlock: null });
const peer = fc
  .record({ podSelector, namespaceSelector: fc.oneof(namespaceSelector, fc.constant(null)), nulls })
  .map(({ nulls, ...given }) => JSON.parse(JSON.stringify({ ...nulls, ...given })));
const port = fc.constantFrom(
  { port: 8080 },
  { port: 5432 },
  { port: 'main' },
  { port: 5000, endPort: 9000 },
  { port: 4000, endPort: 6000 },
  { protocol: 'UDP', port: 8080 },
  { protocol: 'TCP' },
  { protocol: null, port: 5432, endPort: null },
  { protocol: 'TCP', port: null },
);
const rules = (peers: 'from' | 'to') =>
  fc.array(
    fc.record(
      { [peers]: fc.option(fc.array(peer, { maxLength: 2 })), ports: fc.option(fc.array(port, { maxLength: 2 })) },
      { requiredKeys: [] },
    ),
    { maxLength: 2 },
  );
const policy = fc
  .record(
    {
      podSelector,
      policyTypes: fc.constantFrom([], ['Ingress'], ['Egress'], ['Ingress', 'Egress']),
      ingress: rules('from'),
      egress: rules('to'),
    },
    { requiredKeys: ['podSelector'] },
  )
  .chain((spec) => fc.constantFrom('shop', 'bank').map((namespace): Manifest => manifest(namespace, spec)));

const manifest = (namespace: string, spec: object): Manifest => ({
  kind: 'NetworkPolicy',
  metadata: { namespace },
  spec: { ...spec },
});

/** The policies with those of the meshed pods beside them. */
function withCompanions(policies: readonly Manifest[]): Manifest[] {
  const around: Surroundings = {
    config,
    pods,
    policies: policies.flatMap((each) => readNetworkPolicy(each) ?? []),
    namespaces: new Map(),
  };
  const companions = pods.flatMap((each) => {
    const found = each.sidecar && companionRules(each, around);
    return found ? [manifest(each.namespace, { podSelector: { matchLabels: { app: each.name } }, ...found })] : [];
  });
  return [...policies, ...companions];
}

const pairs = pods.flatMap((from) => pods.filter((to) => to !== from).map((to) => [from, to] as const));
const directions = ['Ingress', 'Egress'] as const;

it('whatever the policies are, what they allow stays, and more is let through only to sidecars of peers that they allow', () => {
  fc.assert(
    fc.property(fc.array(policy, { minLength: 1, maxLength: 4 }), (policies) => {
      const after = withCompanions(policies);
      for (const [from, to] of pairs) {
        for (const number of ports) {
          for (const direction of directions) {
            const was = mayConnect(policies, from, to, number, 'TCP', [direction]);
            const is = mayConnect(after, from, to, number, 'TCP', [direction]);
            if (was) expect(is).toBe(true);
            if (was || !is) continue;
            // Who lets connections in knows which port leads where; who lets them out does not know of each peer.
            const behind = appPorts.filter(
              (app) => direction === 'Egress' || sidecarPortsFor(to, { port: app }).includes(number),
            );
            expect(sidecarPorts).toContain(number);
            const isAllowed = behind.some((app) => mayConnect(policies, from, to, app, 'TCP', [direction]));
            expect(isAllowed, `${from.name} → ${to.name}:${number} (${direction})`).toBe(true);
          }
        }
      }
    }),
    { numRuns: 300 },
  );
});

it('whatever the policies are, sidecars reach the control plane and DNS, and each other for every port that is allowed', () => {
  fc.assert(
    fc.property(fc.array(policy, { minLength: 1, maxLength: 4 }), (policies) => {
      const after = withCompanions(policies);
      for (const { sidecar: own, ...from } of pods) {
        if (own === undefined) continue;
        for (const number of [8080, 8086, 8090]) expect(mayConnect(after, from, identity, number)).toBe(true);
        expect(mayConnect(after, from, dns, 53, 'UDP')).toBe(true);
        expect(mayConnect(after, from, dns, 53, 'TCP')).toBe(true);
      }
      for (const [from, to] of pairs) {
        for (const app of appPorts) {
          if (!from.sidecar || !mayConnect(policies, from, to, app)) continue;
          for (const number of sidecarPortsFor(to, { port: app })) {
            expect(mayConnect(after, from, to, number), `${from.name} → ${to.name}:${number}`).toBe(true);
          }
        }
      }
    }),
    { numRuns: 300 },
  );
});
