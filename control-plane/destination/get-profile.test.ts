import { status } from '@grpc/grpc-js';
import { describe, expect, test, vi } from 'vitest';
import { destinationPerTest, told, webPath } from './destination-per-test.ts';
import { endpoint, namespace, pod, service, slice } from './testing.ts';

const destination = destinationPerTest();
const { put } = destination;
const budget = { minRetriesPerSecond: 10, retryRatio: expect.closeTo(0.2), ttl: '10s' };
const address = (ip: number, port: number) => ({ ip: { ipv4: ip }, port });

describe('the profile of a Service', () => {
  test('by name and by each ClusterIP has its name; of a port that it has not, nothing', async () => {
    put(service({ clusterIPs: ['10.96.0.10', 'fd00::a'] }));
    for (const asked of [webPath, '10.96.0.10:80', '[fd00:0::A]:80']) {
      const seen = destination.getProfile(asked);
      await told(seen, 1);
      expect(seen.messages[0]).toEqual({
        fullyQualifiedName: 'web.shop.svc.cluster.local',
        retryBudget: budget,
        parentRef: { resource: { group: 'core', kind: 'Service', name: 'web', namespace: 'shop', port: 80 } },
      });
    }
    const other = destination.getProfile('10.96.0.10:99');
    await told(other, 1);
    expect(other.messages[0]).toEqual({ retryBudget: budget });
  });

  test('follows the opaque ports of Service, namespace and default', async () => {
    put(service());
    const http = destination.getProfile(webPath);
    const db = destination.getProfile('10.96.0.10:3306');
    await told(http, 1);
    await told(db, 1);
    expect(http.messages[0]).not.toHaveProperty('opaqueProtocol');
    expect(db.messages[0]).toMatchObject({ opaqueProtocol: true });
    put(namespace('shop', { 'config.linkerd.io/opaque-ports': '80' }));
    await told(http, 2);
    await told(db, 2);
    expect(http.messages[1]).toMatchObject({ opaqueProtocol: true });
    expect(db.messages[1]).not.toHaveProperty('opaqueProtocol');
    put(service({}, { annotations: { 'config.tulle.dev/opaque-ports': 'db' } }));
    await told(http, 3);
    await told(db, 3);
    expect(http.messages[2]).not.toHaveProperty('opaqueProtocol');
    expect(db.messages[2]).toMatchObject({ opaqueProtocol: true });
  });

  test.each([
    ['http', false],
    ['kubernetes.io/h2c', false],
    ['linkerd.io/opaque', true],
    ['linkerd.io/tcp', true],
    ['example.com/unknown', true],
  ])('appProtocol %s comes before lists of opaque ports: opaque %s', async (appProtocol, opaque) => {
    const list = { annotations: { 'config.linkerd.io/opaque-ports': opaque ? '81' : '80' } };
    put(service({ ports: [{ name: 'http', port: 80, appProtocol }] }, list));
    const seen = destination.getProfile(webPath);
    await told(seen, 1);
    expect((seen.messages[0] as { opaqueProtocol?: boolean }).opaqueProtocol ?? false).toBe(opaque);
  });

  test('of an ExternalName is refused', async () => {
    put(service({ type: 'ExternalName', clusterIP: undefined }));
    const seen = destination.getProfile(webPath);
    await vi.waitFor(() =>
      expect(seen.error).toMatchObject({ code: status.INVALID_ARGUMENT, details: `Invalid authority: ${webPath}` }),
    );
  });
});

describe('the profile of an address', () => {
  test('of a running pod is that endpoint, ready or not; of one that is starting, or of nobody, the bare address', async () => {
    put(pod('10.0.0.1'));
    const seen = destination.getProfile('10.0.0.1:8080');
    await told(seen, 1);
    expect(seen.messages[0]).toMatchObject({
      endpoint: {
        addr: address(0x0a000001, 8080),
        metricLabels: { pod: 'web-1', namespace: 'shop', zone: '' },
        tlsIdentity: { serverName: { name: 'web.shop.serviceaccount.identity.tulle.cluster.local' } },
        protocolHint: { h2: {} },
      },
    });
    const bare = { endpoint: { addr: address(0x0a000001, 8080), weight: 10_000 }, retryBudget: budget };
    const notReady = [{ type: 'Ready', status: 'False' }];
    put(pod('10.0.0.1', { status: { conditions: notReady }, labels: { 'linkerd.io/proxy-deployment': 'api' } }));
    await told(seen, 2);
    expect(seen.messages[1]).toMatchObject({ endpoint: { metricLabels: { deployment: 'api' }, tlsIdentity: {} } });
    put(pod('10.0.0.1', { status: { phase: 'Pending', conditions: notReady } }));
    await told(seen, 3);
    expect(seen.messages[2]).toEqual(bare);
    put(pod('10.0.0.1'));
    await told(seen, 4);
    destination.delete(pod('10.0.0.1'));
    await told(seen, 5);
    expect(seen.messages[4]).toEqual(bare);
    const database = destination.getProfile('192.0.2.1:3306');
    await told(database, 1);
    expect(database.messages[0]).toMatchObject({ opaqueProtocol: true, endpoint: { addr: { port: 3306 } } });
  });

  test('that a Service takes later is that Service from then on, and the bare address again when it goes', async () => {
    const seen = destination.getProfile('10.96.0.10:80');
    await told(seen, 1);
    expect(seen.messages[0]).toMatchObject({ endpoint: { addr: { port: 80 } } });
    put(service({ clusterIPs: ['10.96.0.10'] }));
    await told(seen, 2);
    expect(seen.messages[1]).toMatchObject({ fullyQualifiedName: 'web.shop.svc.cluster.local' });
    expect(seen.messages[1]).not.toHaveProperty('endpoint');
    destination.delete(service({ clusterIPs: ['10.96.0.10'] }));
    await told(seen, 3);
    expect(seen.messages[2]).toMatchObject({ endpoint: { addr: { port: 80 } } });
  });

  test('that a new pod has before the end of the old one is told is of the new one, whatever happens to the old', async () => {
    put(pod('10.0.0.1', { name: 'old' }));
    const seen = destination.getProfile('10.0.0.1:8080');
    await told(seen, 1);
    put(pod('10.0.0.1', { name: 'new' }));
    await told(seen, 2);
    expect(seen.messages[1]).toMatchObject({ endpoint: { metricLabels: { pod: 'new' } } });
    put(pod('10.0.0.1', { name: 'old', labels: { changed: 'yes' } }));
    destination.delete(pod('10.0.0.1', { name: 'old' }));
    put(pod('10.0.0.1', { name: 'new', labels: { 'linkerd.io/proxy-deployment': 'other' } }));
    await told(seen, 3);
    expect(seen.messages[2]).toMatchObject({ endpoint: { metricLabels: { pod: 'new', deployment: 'other' } } });
  });

  test('that two pods have is that of the ready one, then of the newest, whatever order they are told in', async () => {
    const made = (name: string, day: number, ready = true) => {
      const object = pod('10.0.0.1', {
        name,
        status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
      }) as { metadata: object };
      const creationTimestamp = `2026-01-0${day}T00:00:00Z`;
      return { ...object, metadata: { ...object.metadata, creationTimestamp } };
    };
    const podOf = (message: unknown) => (message as { endpoint: { metricLabels: { pod: string } } }).endpoint;
    put(made('newer', 2), made('older', 1));
    const seen = destination.getProfile('10.0.0.1:8080');
    await told(seen, 1);
    expect(podOf(seen.messages[0]).metricLabels.pod).toBe('newer');
    put(made('newer', 2, false));
    await told(seen, 2);
    expect(podOf(seen.messages[1]).metricLabels.pod).toBe('older');
    put(made('older', 1, false));
    await told(seen, 3);
    expect(podOf(seen.messages[2]).metricLabels.pod).toBe('newer');
  });

  test('is not opaque by the name of a UDP port of the same number', async () => {
    const ports = [
      { name: 'dns', containerPort: 5353, protocol: 'UDP' },
      { name: 'dns-tcp', containerPort: 5353, protocol: 'TCP' },
    ];
    const spec = { containers: [{ name: 'web', ports }] };
    for (const [name, opaque] of [
      ['dns', false],
      ['dns-tcp', true],
    ] as const) {
      put(pod('10.0.0.1', { spec, annotations: { 'config.linkerd.io/opaque-ports': name } }));
      const seen = destination.getProfile('10.0.0.1:5353');
      await told(seen, 1);
      expect((seen.messages[0] as { opaqueProtocol?: boolean }).opaqueProtocol ?? false).toBe(opaque);
    }
  });

  test('is opaque where the pod or a Server says so', async () => {
    put(pod('10.0.0.1', { annotations: { 'config.linkerd.io/opaque-ports': '9000' } }));
    const annotated = destination.getProfile('10.0.0.1:9000');
    const http = destination.getProfile('10.0.0.1:8080');
    await told(annotated, 1);
    await told(http, 1);
    const opaque = {
      opaqueProtocol: true,
      endpoint: { protocolHint: { opaque: {}, opaqueTransport: { inboundPort: 4143 } } },
    };
    expect(annotated.messages[0]).toMatchObject(opaque);
    put({
      apiVersion: 'policy.linkerd.io/v1beta3',
      kind: 'Server',
      metadata: { name: 'web', namespace: 'shop' },
      spec: { podSelector: {}, port: 8080, proxyProtocol: 'opaque' },
    });
    await told(http, 2);
    expect(http.messages[1]).toMatchObject(opaque);
  });

  test('of a node is the pod whose host port it is, without a transport header', async () => {
    const host = { hostIP: '172.18.0.2', hostIPs: [{ ip: '172.18.0.2' }, { ip: 'fd00::2' }] };
    const ports = [{ name: 'db', containerPort: 3306, hostPort: 13_306 }];
    put(pod('10.0.0.1', { spec: { containers: [{ name: 'web', ports }] }, status: { podIP: '10.0.0.1', ...host } }));
    for (const asked of ['172.18.0.2:13306', '[fd00::2]:13306']) {
      const seen = destination.getProfile(asked);
      await told(seen, 1);
      expect(seen.messages[0]).toMatchObject({
        opaqueProtocol: true,
        endpoint: { addr: { port: 13_306 }, metricLabels: { pod: 'web-1' }, tlsIdentity: {} },
      });
      expect((seen.messages[0] as { endpoint: object }).endpoint).toHaveProperty('protocolHint', { opaque: {} });
    }
    const other = destination.getProfile('172.18.0.2:80');
    await told(other, 1);
    expect(other.messages[0]).not.toHaveProperty('endpoint.metricLabels');

    const spec = { hostNetwork: true, containers: [{ name: 'agent', ports: [{ containerPort: 80 }] }] };
    put(pod('172.18.0.2', { name: 'agent', meshed: false, spec, status: { podIP: '172.18.0.2', ...host } }));
    await told(other, 2);
    expect(other.messages[1]).toMatchObject({ endpoint: { metricLabels: { pod: 'agent' } } });
    expect(other.messages[1]).not.toHaveProperty('endpoint.tlsIdentity');
  });

  test('by the name of a pod in its Service is that pod, also when it comes back with another address', async () => {
    put(service({ clusterIP: 'None' }), slice([endpoint('10.0.0.1')]), pod('10.0.0.1'));
    const seen = destination.getProfile('web-1.web.shop.svc.cluster.local:8080');
    await told(seen, 1);
    expect(seen.messages[0]).toMatchObject({ endpoint: { addr: address(0x0a000001, 8080) } });
    destination.delete(pod('10.0.0.1'));
    put(slice([]));
    const missing = destination.getProfile('web-1.web.shop.svc.cluster.local:8080');
    await vi.waitFor(() => expect(missing.error?.code).toBe(status.NOT_FOUND));
    expect(missing.error?.details).toBe('no pod found in Endpoints shop/web for hostname web-1');
    put(slice([endpoint('10.0.1.1')]), pod('10.0.1.1'));
    await told(seen, 2);
    expect(seen.messages[1]).toMatchObject({ endpoint: { addr: address(0x0a000101, 8080) } });
  });
});
