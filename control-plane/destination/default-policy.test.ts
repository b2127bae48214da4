import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PolicyWorld } from '../policy/testing.ts';

const namespace = (annotations = {}) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'shop', annotations },
});
const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'shop', annotations: {} },
  spec: {
    clusterIP: '10.96.0.10',
    ports: [
      { name: 'http', port: 80, targetPort: 8080 },
      { name: 'db', port: 3306 },
    ],
  },
};
const pod = (annotations = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'web-1',
    namespace: 'shop',
    annotations,
    labels: { 'linkerd.io/control-plane-ns': 'tulle', 'linkerd.io/proxy-deployment': 'web' },
  },
  spec: {
    serviceAccountName: 'web',
    containers: [
      { name: 'web', ports: [{ containerPort: 8080 }], livenessProbe: { httpGet: { path: '/live', port: 8080 } } },
    ],
    initContainers: [{ name: 'tulle-proxy' }],
  },
  status: { podIP: '10.0.0.1', phase: 'Running' },
});

let world: PolicyWorld;
beforeEach(async () => {
  world = await PolicyWorld.start([namespace(), service, pod()], {}, 'discovery');
});
afterEach(() => world.stop());

const watchPort = (port: number, workload = '{"ns":"shop","pod":"web-1"}') => world.watchPort(port, workload);
/** As a client that says nothing of itself. */
const watchOutbound = (authority: string) => world.watchOutbound(authority, '');
const path = 'web.shop.svc.cluster.local:80';
const anyPath = [{ path: { prefix: '/' } }];

describe('inbound policy', () => {
  test('is the default one, with a route for probes', async () => {
    const seen = watchPort(8080);
    await vi.waitFor(() => expect(seen.messages).toHaveLength(1));
    const labels = (name: string) => ({ group: '', kind: 'default', name });
    const everybody = (name: string) => ({
      authentication: { unauthenticated: {} },
      labels: labels(name),
      metadata: { default: name },
      networks: [{ net: { ip: { ipv4: 0 } } }, { net: { ip: { ipv6: {} } } }],
    });
    expect(seen.messages[0]).toEqual({
      authorizations: [everybody('all-unauthenticated')],
      labels: labels('all-unauthenticated'),
      protocol: {
        detect: {
          httpRoutes: [
            { metadata: { default: 'default' }, rules: [{ matches: anyPath }] },
            {
              authorizations: [everybody('probe')],
              metadata: { default: 'probe' },
              rules: [{ matches: [{ method: { registered: 'GET' }, path: { exact: '/live' } }] }],
            },
          ],
          timeout: '10s',
        },
      },
    });
  });

  test('follows the annotations of pod and namespace', async () => {
    const seen = watchPort(8080);
    await vi.waitFor(() => expect(seen.messages).toHaveLength(1));
    const deny = namespace({ 'config.tulle.dev/default-inbound-policy': 'deny' });
    world.write(deny, pod());
    await vi.waitFor(() => expect(seen.messages[1]).toMatchObject({ labels: { name: 'deny' } }), 2000);
    world.write(deny, pod({ 'config.linkerd.io/default-inbound-policy': 'cluster-authenticated' }));
    await vi.waitFor(() => expect(seen.messages[2]).toMatchObject({ labels: { name: 'cluster-authenticated' } }), 2000);
    expect(JSON.stringify(seen.messages[2])).toContain('"net":{"ip":{"ipv4":167772160},"prefixLen":8}');
  });

  test('an opaque port is opaque, an unknown workload NOT_FOUND', async () => {
    const opaque = watchPort(3306);
    await vi.waitFor(() => expect(opaque.messages[0]).toMatchObject({ protocol: { opaque: {} } }));
    const unknown = watchPort(80, 'shop:nobody');
    await vi.waitFor(() => expect(unknown.error?.code).toBe(status.NOT_FOUND));
  });
});

describe('outbound policy', () => {
  test('of a Service balances over its endpoints', async () => {
    const seen = watchOutbound(path);
    await vi.waitFor(() => expect(seen.messages).toHaveLength(1));
    const metadata = { resource: { group: 'core', kind: 'Service', name: 'web', namespace: 'shop', port: 80 } };
    const backend = {
      balancer: { discovery: { dst: { path } }, peakEwma: { decay: '10s', defaultRtt: '0.030s' } },
      metadata,
      queue: { capacity: 100, failfastTimeout: '3s' },
    };
    const routes = (name: string, rule: object) => [
      {
        metadata: { default: name },
        rules: [{ backends: { firstAvailable: { backends: [{ backend }] } }, ...rule }],
      },
    ];
    expect(seen.messages[0]).toEqual({
      metadata,
      protocol: {
        detect: {
          http1: { routes: routes('http', { matches: anyPath }) },
          http2: { routes: routes('http', { matches: anyPath }) },
          opaque: { routes: routes('opaque', {}) },
          timeout: '10s',
        },
      },
    });
  });

  test('of no Service is NOT_FOUND', async () => {
    const seen = watchOutbound('nothing.shop.svc.cluster.local:80');
    await vi.waitFor(() => expect(seen.error?.code).toBe(status.NOT_FOUND));
  });
});
