import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { injectConfig, type Manifest } from '../../lib/inject/index.ts';
import { modelOfManifests } from '../../lib/validation/model-of-manifests.ts';
import { review } from '../../lib/validation/review.ts';

const gateway = 'gateway.networking.k8s.io';
const service = (name: string, more: object = {}): Manifest => ({
  ...{ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'shop' } },
  spec: { ports: [{ port: 80, ...more }] },
});
const route = (kind: string, name: string, parent: string, port: number, rules: object[]): Manifest => ({
  apiVersion: `${gateway}/${kind === 'TCPRoute' || kind === 'TLSRoute' ? 'v1alpha2' : 'v1'}`,
  kind,
  metadata: { name, namespace: 'shop' },
  spec: { parentRefs: [{ group: '', kind: 'Service', name: parent, port }], rules },
});
const sent = [{ backendRefs: [{ name: 'orders', port: 80 }] }];

/** What breaks each rule of the table by itself. */
const broken: Readonly<Record<string, readonly Manifest[]>> = {
  'unknown-port': [service('orders'), route('HTTPRoute', 'orders', 'orders', 81, sent)],
  'never-matched': [service('orders'), route('HTTPRoute', 'orders', 'orders', 80, [...sent, ...sent])],
  'never-matched, by kind': [
    service('orders'),
    route('HTTPRoute', 'orders', 'orders', 80, sent),
    route('GRPCRoute', 'calls', 'orders', 80, sent),
  ],
  'never-connected': [
    service('orders'),
    route('TLSRoute', 'names', 'orders', 80, sent),
    route('TCPRoute', 'bytes', 'orders', 80, sent),
  ],
  'never-connected, by protocol': [
    service('orders'),
    service('typed', { appProtocol: 'http' }),
    route('TLSRoute', 'names', 'typed', 80, sent),
  ],
  'profile-before-route': [
    service('orders'),
    route('HTTPRoute', 'orders', 'orders', 80, sent),
    {
      ...{ apiVersion: 'linkerd.io/v1alpha2', kind: 'ServiceProfile' },
      metadata: { name: 'orders.shop.svc.cluster.local', namespace: 'shop' },
      spec: { routes: [{ name: 'all', condition: { pathRegex: '/.*' } }] },
    },
  ],
};

it.each(Object.entries(broken))('the guide to routes quotes what is told: %s', (rule, manifests) => {
  const page = readFileSync(resolve(import.meta.dirname, '../../docs/guides/traffic-constructs.md'), 'utf8');
  const entries = manifests.map((manifest) => ({ manifest }));
  const [told, ...others] = review(modelOfManifests(entries, injectConfig()));
  expect(others).toEqual([]);
  expect(told?.rule).toBe(rule.split(',')[0]);
  expect(page).toContain(`| \`${told?.field} ${told?.message}`.replace('` ', '`'));
});
