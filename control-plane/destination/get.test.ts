import { status } from '@grpc/grpc-js';
import { describe, expect, test, vi } from 'vitest';
import { destinationPerTest, told, webPath } from './destination-per-test.ts';
import { endpoint, namespace, pod, service, slice } from './testing.ts';

const destination = destinationPerTest();
const { put } = destination;
/** Waits until everything that was put has had its effect. */
const settled = async (): Promise<void> => {
  const seen = destination.get('settled.shop.svc.cluster.local:80');
  await vi.waitFor(() => expect(seen.error).toBeDefined());
};
interface Told {
  ip: string;
  port: number;
  [more: string]: unknown;
}
/** The endpoints that an Add tells. */
const added = (message: unknown): Told[] =>
  ((message as { add?: { addrs: { addr: { ip: { ipv4: number }; port: number } }[] } }).add?.addrs ?? []).map(
    ({ addr, ...rest }) => ({
      ip: [24, 16, 8, 0].map((shift) => (addr.ip.ipv4 >>> shift) & 255).join('.'),
      port: addr.port,
      ...rest,
    }),
  );
const addressesOf = (message: unknown): string[] => added(message).map(({ ip, port }) => `${ip}:${port}`);

describe('the endpoints of a Service', () => {
  test('are told with identity, hint, weight and labels', async () => {
    put(
      namespace(),
      service(),
      slice([endpoint('10.0.0.1', { zone: 'a' }), endpoint('10.0.0.2', { conditions: { ready: false } })]),
      pod('10.0.0.1'),
      pod('10.0.0.2'),
    );
    const seen = destination.get(webPath);
    await told(seen, 1);
    const identity = { name: 'web.shop.serviceaccount.identity.tulle.cluster.local' };
    expect(seen.messages[0]).toEqual({
      add: {
        addrs: [
          {
            addr: { ip: { ipv4: 0x0a000001 }, port: 8080 },
            weight: 10_000,
            metricLabels: {
              control_plane_ns: 'tulle',
              deployment: 'web',
              pod: 'web-1',
              pod_template_hash: 'abc',
              serviceaccount: 'web',
              zone: 'a',
              zone_locality: 'unknown',
            },
            http2: { keepAlive: { interval: '10s', timeout: '3s', whileIdle: true } },
            protocolHint: { h2: {} },
            tlsIdentity: { dnsLikeIdentity: identity, serverName: identity },
          },
        ],
        metricLabels: { namespace: 'shop', service: 'web' },
      },
    });
  });

  test('are told as they change, and nothing else', async () => {
    put(service(), slice([endpoint('10.0.0.1')]), pod('10.0.0.1'), pod('10.0.0.2'));
    const seen = destination.get(webPath);
    await told(seen, 1);
    put(slice([endpoint('10.0.0.1'), endpoint('10.0.0.2')]));
    await told(seen, 2);
    expect(addressesOf(seen.messages[1])).toEqual(['10.0.0.2:8080']);
    put(
      slice([
        endpoint('10.0.0.1', { conditions: { ready: false, serving: true, terminating: true } }),
        endpoint('10.0.0.2'),
      ]),
    );
    await told(seen, 3);
    expect(seen.messages[2]).toEqual({ remove: { addrs: [{ ip: { ipv4: 0x0a000001 }, port: 8080 }] } });
    destination.delete(slice([]));
    await told(seen, 4);
    expect(seen.messages[3]).toEqual({ noEndpoints: { exists: true } });
    destination.delete(service());
    await told(seen, 5);
    expect(seen.messages[4]).toEqual({ noEndpoints: {} });
    put(service(), slice([endpoint('10.0.0.2')]));
    await told(seen, 6);
    expect(addressesOf(seen.messages[5])).toEqual(['10.0.0.2:8080']);
  });

  test('follow the ports of the Service and of its slices', async () => {
    put(service(), slice([endpoint('10.0.0.1')]), pod('10.0.0.1'));
    const seen = destination.get(webPath);
    await told(seen, 1);
    put(slice([endpoint('10.0.0.1')], { ports: [{ name: 'http', port: 9090 }] }));
    await told(seen, 3);
    expect(addressesOf(seen.messages[1])).toEqual(['10.0.0.1:9090']);
    expect(seen.messages[2]).toEqual({ remove: { addrs: [{ ip: { ipv4: 0x0a000001 }, port: 8080 }] } });
    put(service({ ports: [{ name: 'other', port: 81 }] }));
    await told(seen, 4);
    expect(seen.messages[3]).toEqual({ noEndpoints: { exists: true } });
  });

  test('of several slices are told once, also when one moves to another Service', async () => {
    put(
      service(),
      service({ clusterIP: '10.96.0.11' }, { name: 'old' }),
      slice([endpoint('10.0.0.1')], {}, 'one'),
      slice([endpoint('10.0.0.1'), endpoint('10.0.0.2')], {}, 'two'),
      ...['10.0.0.1', '10.0.0.2'].map((ip) => pod(ip)),
    );
    const seen = destination.get(webPath);
    const old = destination.get('old.shop.svc.cluster.local:80');
    await told(seen, 1);
    expect(addressesOf(seen.messages[0])).toEqual(['10.0.0.1:8080', '10.0.0.2:8080']);
    put(slice([endpoint('10.0.0.1'), endpoint('10.0.0.2')], {}, 'two', 'old'));
    await told(seen, 2);
    expect(seen.messages[1]).toEqual({ remove: { addrs: [{ ip: { ipv4: 0x0a000002 }, port: 8080 }] } });
    await told(old, 2);
    expect(addressesOf(old.messages[1])).toEqual(['10.0.0.1:8080', '10.0.0.2:8080']);
  });

  test('without pods are told as they are; one whose pod is not known yet is not told', async () => {
    put(service(), slice([{ addresses: ['192.0.2.1'] }, endpoint('10.0.0.1')]));
    const seen = destination.get(webPath);
    await told(seen, 1);
    expect(added(seen.messages[0])).toEqual([
      { ip: '192.0.2.1', port: 8080, weight: 10_000, metricLabels: { zone_locality: 'unknown' } },
    ]);
    put(pod('10.0.0.1'));
    await told(seen, 2);
    expect(added(seen.messages[1])[0]).toMatchObject({ ip: '10.0.0.1', protocolHint: { h2: {} } });
  });

  test('of a TCP port are not those of the UDP port with its number', async () => {
    const ports = [
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'dns-tcp', port: 53, protocol: 'TCP' },
    ];
    put(
      service({ ports }),
      slice([endpoint('10.0.0.1')], {
        ports: [
          { name: 'dns', port: 5353, protocol: 'UDP' },
          { name: 'dns-tcp', port: 5354, protocol: 'TCP' },
        ],
      }),
      pod('10.0.0.1'),
    );
    const seen = destination.get('web.shop.svc.cluster.local:53');
    await told(seen, 1);
    expect(addressesOf(seen.messages[0])).toEqual(['10.0.0.1:5354']);
  });

  test('come in one message, for a client takes the first for all that there is', async () => {
    const ips = Array.from({ length: 2500 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
    put(namespace(), service(), slice(ips.map((ip) => endpoint(ip))), ...ips.map((ip) => pod(ip)));
    const seen = destination.get(webPath);
    await told(seen, 1);
    expect(addressesOf(seen.messages[0])).toEqual(ips.map((ip) => `${ip}:8080`));
  });

  test('more than a message holds come in several', async () => {
    const ips = Array.from({ length: 40 }, (_, i) => `10.0.0.${i}`);
    // Few endpoints, of which much is to say.
    const labels = { 'pod-template-hash': 'x'.repeat(100_000) };
    put(namespace(), service(), slice(ips.map((ip) => endpoint(ip))), ...ips.map((ip) => pod(ip, { labels })));
    const seen = destination.get(webPath);
    await told(seen, 2);
    expect(seen.messages.flatMap(addressesOf)).toEqual(ips.map((ip) => `${ip}:8080`));
  });
});

describe('a pod behind a Service', () => {
  const only = async (options: Parameters<typeof pod>[1], more: object[] = [], port = 80): Promise<Told> => {
    put(service(), slice([endpoint('10.0.0.1')]), pod('10.0.0.1', options), ...more);
    const seen = destination.get(`web.shop.svc.cluster.local:${port}`);
    await told(seen, 1);
    return added(seen.messages[0])[0];
  };

  test.each([
    ['without a sidecar', { meshed: false }],
    ['with our label but no sidecar', { spec: { initContainers: [] } }],
    ['of another mesh', { labels: { 'linkerd.io/control-plane-ns': 'linkerd' } }],
    ['whose port passes by its sidecar', { annotations: { 'config.linkerd.io/skip-inbound-ports': '8000-8100' } }],
  ])('%s has no identity and no hint', async (_, options) => {
    const found = await only(options);
    expect(found).not.toHaveProperty('tlsIdentity');
    expect(found).not.toHaveProperty('protocolHint');
    expect(found).not.toHaveProperty('http2');
  });

  test('with the sidecar of a Linkerd of the same namespace is of one mesh with ours', async () => {
    const env = [{ name: 'LINKERD2_PROXY_INBOUND_LISTEN_ADDR', value: '[::]:5143' }];
    const spec = { initContainers: [], containers: [{ name: 'linkerd-proxy', env }] };
    const identity = { name: 'web.shop.serviceaccount.identity.tulle.cluster.local' };
    const found = await only({ spec }, [], 3306);
    expect(found.tlsIdentity).toEqual({ dnsLikeIdentity: identity, serverName: identity });
    expect(found.protocolHint).toEqual({ opaque: {}, opaqueTransport: { inboundPort: 5143 } });
  });

  test.each([
    ['by default', {}, [], 3306],
    ['by its annotation', { annotations: { 'config.tulle.dev/opaque-ports': '8080' } }, [], 80],
    ['by the name of the port in its annotation', { annotations: { 'config.linkerd.io/opaque-ports': 'web' } }, [], 80],
    ['by its namespace', {}, [namespace('shop', { 'config.linkerd.io/opaque-ports': '8080' })], 80],
  ])('has an opaque port %s', async (_, options, more, port) => {
    const found = await only(options, more, port);
    expect(found.protocolHint).toEqual({ opaque: {}, opaqueTransport: { inboundPort: 4143 } });
  });

  test('in explicit mode takes a transport header, where its sidecar listens, but not at a port of the sidecar', async () => {
    const env = {
      LINKERD2_PROXY_EXPLICIT_MODE: 'true',
      LINKERD2_PROXY_INBOUND_LISTEN_ADDR: '[::]:5143',
      LINKERD2_PROXY_ADMIN_LISTEN_ADDR: '0.0.0.0:8080',
    };
    const transport = { h2: {}, opaqueTransport: { inboundPort: 5143 } };
    expect((await only({ env: { ...env, LINKERD2_PROXY_ADMIN_LISTEN_ADDR: '0.0.0.0:4191' } })).protocolHint).toEqual(
      transport,
    );
    expect((await only({ env })).protocolHint).toEqual({ h2: {} });
  });

  test('is told anew when its labels, its namespace or a Server changes', async () => {
    put(service(), slice([endpoint('10.0.0.1')]), pod('10.0.0.1', { meshed: false }));
    const seen = destination.get(webPath);
    await told(seen, 1);
    put(pod('10.0.0.1'));
    await told(seen, 2);
    expect(added(seen.messages[1])[0]).toHaveProperty('tlsIdentity');

    const server = (spec: object, inNamespace = 'shop') => ({
      apiVersion: 'policy.linkerd.io/v1beta3',
      kind: 'Server',
      metadata: { name: 'web', namespace: inNamespace },
      spec: { podSelector: { matchLabels: { 'pod-template-hash': 'abc' } }, port: 'web', ...spec },
    });
    put(server({ proxyProtocol: 'opaque' }, 'elsewhere'), server({ proxyProtocol: 'HTTP/1' }));
    put(server({ proxyProtocol: 'opaque', podSelector: { matchLabels: { app: 'other' } } }));
    await settled();
    put(server({ proxyProtocol: 'opaque' }));
    await told(seen, 3);
    expect(added(seen.messages[2])[0].protocolHint).toHaveProperty('opaque');
    destination.delete(server({}));
    await told(seen, 4);
    expect(added(seen.messages[3])[0].protocolHint).toEqual({ h2: {} });

    put(pod('10.0.0.1', { annotations: { 'example.com/note': 'changes nothing that is told' } }));
    await settled();
    put(namespace('shop', { 'config.linkerd.io/opaque-ports': '8080' }));
    await told(seen, 5);
    expect(added(seen.messages[4])[0].protocolHint).toHaveProperty('opaque');
  });

  test('is told although a Server of its namespace has no spec, or selects nothing', async () => {
    const server = (name: string, rest: object) => ({
      apiVersion: 'policy.linkerd.io/v1beta3',
      kind: 'Server',
      metadata: { name, namespace: 'shop' },
      ...rest,
    });
    const opaque = { podSelector: null, port: 8080, proxyProtocol: 'opaque' };
    const found = await only({}, [server('empty', {}), server('null', { spec: null }), server('x', { spec: opaque })]);
    expect(found.protocolHint).toEqual({ h2: {} });
  });

  test('of a Job and of a ReplicaSet is labelled with its owner', async () => {
    const owned = (kind: string, name: string, labels: object) => ({
      ...pod('10.0.0.1'),
      metadata: {
        name: 'web-1',
        namespace: 'shop',
        labels: { 'linkerd.io/control-plane-ns': 'tulle', ...labels },
        ownerReferences: [{ kind, name, controller: true }],
      },
    });
    put(service(), slice([endpoint('10.0.0.1')]), owned('Job', 'clean', {}));
    const seen = destination.get(webPath);
    await told(seen, 1);
    expect(added(seen.messages[0])[0].metricLabels).toMatchObject({ k8s_job: 'clean' });
    put(owned('ReplicaSet', 'web-6d4f', { 'pod-template-hash': '6d4f' }));
    await told(seen, 2);
    expect(added(seen.messages[1])[0].metricLabels).toMatchObject({ deployment: 'web', pod_template_hash: '6d4f' });
  });
});

describe('a headless Service', () => {
  test('answers on undeclared ports, and for one pod by its name', async () => {
    put(
      service({ clusterIP: 'None', ports: undefined }),
      slice([endpoint('10.0.0.1'), endpoint('10.0.0.2')], { ports: undefined }),
      pod('10.0.0.1'),
      pod('10.0.0.2'),
    );
    const all = destination.get('web.shop.svc.cluster.local:5432');
    await told(all, 1);
    expect(addressesOf(all.messages[0])).toEqual(['10.0.0.1:5432', '10.0.0.2:5432']);
    const one = destination.get('web-2.web.shop.svc.cluster.local:5432');
    await told(one, 1);
    expect(addressesOf(one.messages[0])).toEqual(['10.0.0.2:5432']);
  });
});

test.each([
  ['nothing.shop.svc.cluster.local:80', status.NOT_FOUND, 'Service nothing.shop not found'],
  ['10.0.0.1:80', status.INVALID_ARGUMENT, 'IP queries not supported by Get API: host=10.0.0.1'],
  ['example.com:80', status.INVALID_ARGUMENT, 'Invalid authority: example.com:80'],
  [
    '10-0-0-1.shop.pod.cluster.local:80',
    status.INVALID_ARGUMENT,
    'Invalid authority: 10-0-0-1.shop.pod.cluster.local:80',
  ],
  ['web.shop.svc.cluster.local:99999', status.INVALID_ARGUMENT, 'Invalid authority: web.shop.svc.cluster.local:99999'],
  ['ext.shop.svc.cluster.local:80', status.INVALID_ARGUMENT, 'Invalid authority: ext.shop.svc.cluster.local:80'],
])('Get of %s is refused', async (asked, code, details) => {
  put(service({ type: 'ExternalName', externalName: 'example.com', ports: undefined }, { name: 'ext' }));
  const seen = destination.get(asked);
  await vi.waitFor(() => expect(seen.error).toMatchObject({ code, details }));
});
