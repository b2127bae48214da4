import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toJson } from '@bufbuild/protobuf';
import { type ClientReadableStream, credentials, type ServiceError, status } from '@grpc/grpc-js';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { stringify } from 'yaml';
import {
  Destination,
  DestinationProfileSchema,
  GetDestinationSchema,
  UpdateSchema,
} from '../../api/gen/destination_pb.js';
import { InboundServerPolicies, PortSpecSchema, ServerSchema } from '../../api/gen/inbound_pb.js';
import { OutboundPolicies, OutboundPolicySchema, TrafficSpecSchema } from '../../api/gen/outbound_pb.js';
import { GrpcClient } from '../../api/grpc.ts';
import type { Component } from '../component.ts';
import { Flags } from '../flags.ts';
import { startDestination } from './main.ts';

let folder: string;
let component: Component;
let client: GrpcClient;
const open: { cancel(): void }[] = [];

const namespace = (annotations = {}) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'shop', annotations },
});
const service = (spec: object = {}, annotations = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'shop', annotations },
  spec: {
    clusterIP: '10.96.0.10',
    ports: [
      { name: 'http', port: 80, targetPort: 8080 },
      { name: 'db', port: 3306 },
    ],
    ...spec,
  },
});
const slice = (...ready: [string, boolean][]) => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 'web-abc', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } },
  addressType: 'IPv4',
  ports: [
    { name: 'http', port: 8080 },
    { name: 'db', port: 3306 },
  ],
  endpoints: ready.map(([ip, isReady]) => ({
    addresses: [ip],
    hostname: `web-${ip.at(-1)}`,
    conditions: { ready: isReady },
    targetRef: { kind: 'Pod', name: `web-${ip.at(-1)}`, namespace: 'shop' },
  })),
});
const pod = (ip: string, options: { meshed?: boolean; explicit?: boolean; annotations?: object } = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: `web-${ip.at(-1)}`,
    namespace: 'shop',
    annotations: options.annotations ?? {},
    labels: {
      'pod-template-hash': 'abc',
      ...(options.meshed === false
        ? {}
        : { 'linkerd.io/control-plane-ns': 'tulle', 'linkerd.io/proxy-deployment': 'web' }),
    },
  },
  spec: {
    serviceAccountName: 'web',
    containers: [
      { name: 'web', ports: [{ containerPort: 8080 }], livenessProbe: { httpGet: { path: '/live', port: 8080 } } },
    ],
    initContainers:
      options.meshed === false
        ? []
        : [
            {
              name: 'tulle-proxy',
              env: options.explicit ? [{ name: 'LINKERD2_PROXY_EXPLICIT_MODE', value: 'true' }] : [],
            },
          ],
  },
  status: { podIP: ip, phase: 'Running' },
});

const write = (...objects: object[]): void =>
  writeFileSync(join(folder, 'objects.yaml'), objects.map((object) => stringify(object)).join('---\n'));

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tulle-destination-'));
  write(namespace(), service(), slice(['10.0.0.1', true], ['10.0.0.2', false]), pod('10.0.0.1'), pod('10.0.0.2'));
  const address = '127.0.0.1:0';
  const flags = new Flags({
    addr: address,
    'policy-addr': address,
    'admin-addr': address,
    source: `file:${folder}`,
    'cluster-networks': '10.0.0.0/8',
  });
  component = await startDestination(flags, pino({ level: 'silent' }));
  client = new GrpcClient(`127.0.0.1:${component.ports[0]}`, credentials.createInsecure());
});
afterEach(async () => {
  for (const call of open.splice(0)) call.cancel();
  client.close();
  await component.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Collects what a stream says, in JSON, and how it ended. */
function collect<Message>(call: ClientReadableStream<Message>, show: (message: Message) => unknown) {
  const seen: { messages: unknown[]; error?: ServiceError } = { messages: [] };
  call.on('data', (message: Message) => seen.messages.push(show(message)));
  call.on('error', (error: ServiceError) => {
    seen.error = error;
  });
  open.push(call);
  return seen;
}
const get = (path: string) =>
  collect(client.stream(Destination.method.get, create(GetDestinationSchema, { path })), (update) =>
    toJson(UpdateSchema, update),
  );
const getProfile = (path: string) =>
  collect(client.stream(Destination.method.getProfile, create(GetDestinationSchema, { path })), (profile) =>
    toJson(DestinationProfileSchema, profile),
  );
const watchPort = (port: number, workload = '{"ns":"shop","pod":"web-1"}') =>
  collect(client.stream(InboundServerPolicies.method.watchPort, create(PortSpecSchema, { workload, port })), (server) =>
    toJson(ServerSchema, server),
  );
const watchOutbound = (authority: string) =>
  collect(
    client.stream(
      OutboundPolicies.method.watch,
      create(TrafficSpecSchema, { target: { case: 'authority', value: authority } }),
    ),
    (policy) => toJson(OutboundPolicySchema, policy),
  );
const path = 'web.shop.svc.cluster.local:80';

describe('Get', () => {
  test('tells the ready endpoints with identity, hints, weight and labels', async () => {
    const seen = get(path);
    await vi.waitFor(() => expect(seen.messages).toHaveLength(1));
    expect(seen.messages[0]).toMatchInlineSnapshot(`
      {
        "add": {
          "addrs": [
            {
              "addr": {
                "ip": {
                  "ipv4": 167772161,
                },
                "port": 8080,
              },
              "metricLabels": {
                "control_plane_ns": "tulle",
                "deployment": "web",
                "pod": "web-1",
                "pod_template_hash": "abc",
                "serviceaccount": "web",
              },
              "protocolHint": {
                "h2": {},
              },
              "tlsIdentity": {
                "dnsLikeIdentity": {
                  "name": "web.shop.serviceaccount.identity.tulle.cluster.local",
                },
                "serverName": {
                  "name": "web.shop.serviceaccount.identity.tulle.cluster.local",
                },
              },
              "weight": 10000,
            },
          ],
          "metricLabels": {
            "namespace": "shop",
            "service": "web",
          },
        },
      }
    `);
  });

  test('tells what changes, and nothing else', async () => {
    const seen = get(path);
    await vi.waitFor(() => expect(seen.messages).toHaveLength(1));
    write(namespace(), service(), slice(['10.0.0.1', true], ['10.0.0.2', true]), pod('10.0.0.1'), pod('10.0.0.2'));
    await vi.waitFor(() => expect(seen.messages).toHaveLength(2), 2000);
    expect(JSON.stringify(seen.messages[1])).toContain('web-2');
    expect(JSON.stringify(seen.messages[1])).not.toContain('web-1');
    write(namespace(), service(), slice(['10.0.0.2', true]), pod('10.0.0.1'), pod('10.0.0.2'));
    await vi.waitFor(
      () => expect(seen.messages[2]).toEqual({ remove: { addrs: [{ ip: { ipv4: 0x0a000001 }, port: 8080 }] } }),
      2000,
    );
    write(namespace(), service(), slice(), pod('10.0.0.1'), pod('10.0.0.2'));
    await vi.waitFor(() => expect(seen.messages[3]).toEqual({ noEndpoints: { exists: true } }), 2000);
    write(namespace());
    await vi.waitFor(() => expect(seen.messages[4]).toEqual({ noEndpoints: {} }), 2000);
  });

  test('an unmeshed pod has no identity and no hint; one in explicit mode takes a transport header', async () => {
    write(
      namespace(),
      service(),
      slice(['10.0.0.1', true], ['10.0.0.2', true]),
      pod('10.0.0.1', { meshed: false }),
      pod('10.0.0.2', { explicit: true }),
    );
    let text = '';
    await vi.waitFor(async () => {
      const seen = get(path);
      await vi.waitFor(() => expect(seen.messages).toHaveLength(1));
      text = JSON.stringify(seen.messages[0]);
      expect(text).toContain('opaqueTransport');
    }, 3000);
    expect(text.match(/tlsIdentity/g)).toHaveLength(1);
    expect(text).toContain('"protocolHint":{"h2":{},"opaqueTransport":{"inboundPort":4143}}');
  });

  test('an opaque port gets the opaque hint and a transport header', async () => {
    const seen = get('web.shop.svc.cluster.local:3306');
    await vi.waitFor(() => expect(JSON.stringify(seen.messages)).toContain('"opaqueTransport":{"inboundPort":4143}'));
  });

  test('one pod of a Service is found by its hostname', async () => {
    write(
      namespace(),
      service({ clusterIP: 'None' }),
      slice(['10.0.0.1', true], ['10.0.0.2', true]),
      pod('10.0.0.1'),
      pod('10.0.0.2'),
    );
    await vi.waitFor(async () => {
      const seen = get(`web-2.${path}`);
      await vi.waitFor(() => expect(seen.messages).toHaveLength(1));
      expect(JSON.stringify(seen.messages[0])).toContain('"pod":"web-2"');
      expect(JSON.stringify(seen.messages[0])).not.toContain('"pod":"web-1"');
    }, 3000);
  });

  test.each([
    ['nothing.shop.svc.cluster.local:80', status.NOT_FOUND, 'Service nothing.shop not found'],
    ['10.0.0.1:80', status.INVALID_ARGUMENT, 'IP queries not supported by Get API'],
    ['example.com:80', status.INVALID_ARGUMENT, 'Invalid authority: example.com:80'],
    [
      'web.shop.svc.cluster.local:99999',
      status.INVALID_ARGUMENT,
      'Invalid authority: web.shop.svc.cluster.local:99999',
    ],
  ])('%s is refused', async (asked, code, details) => {
    const seen = get(asked);
    await vi.waitFor(() => expect(seen.error).toMatchObject({ code, details }));
  });
});

describe('GetProfile', () => {
  test('of a Service, by name or by ClusterIP, has its name', async () => {
    for (const asked of [path, '10.96.0.10:80']) {
      const seen = getProfile(asked);
      await vi.waitFor(() =>
        expect(seen.messages[0]).toMatchObject({ fullyQualifiedName: 'web.shop.svc.cluster.local' }),
      );
      expect(seen.messages[0]).not.toHaveProperty('opaqueProtocol');
    }
  });

  test('of a pod IP is that endpoint; of an unknown IP it is empty', async () => {
    const known = getProfile('10.0.0.1:8080');
    await vi.waitFor(() =>
      expect(known.messages[0]).toMatchObject({ endpoint: { metricLabels: { pod: 'web-1', namespace: 'shop' } } }),
    );
    const unknown = getProfile('192.0.2.1:80');
    await vi.waitFor(() => expect(unknown.messages).toHaveLength(1));
    expect(Object.keys(unknown.messages[0] as object)).toEqual(['retryBudget']);
  });

  test('follows the opaque ports of Service and namespace', async () => {
    const seen = getProfile(path);
    await vi.waitFor(() => expect(seen.messages).toHaveLength(1));
    write(namespace({ 'config.linkerd.io/opaque-ports': '80' }), service());
    await vi.waitFor(() => expect(seen.messages[1]).toMatchObject({ opaqueProtocol: true }), 2000);
    write(
      namespace({ 'config.linkerd.io/opaque-ports': '80' }),
      service({}, { 'config.tulle.dev/opaque-ports': '81' }),
    );
    await vi.waitFor(() => expect(seen.messages[2]).not.toHaveProperty('opaqueProtocol'), 2000);
  });
});

describe('inbound policy', () => {
  test('is the default one, with a route for probes', async () => {
    const seen = watchPort(8080);
    await vi.waitFor(() => expect(seen.messages).toHaveLength(1));
    expect(seen.messages[0]).toMatchInlineSnapshot(`
      {
        "authorizations": [
          {
            "authentication": {
              "unauthenticated": {},
            },
            "labels": {
              "group": "",
              "kind": "default",
              "name": "all-unauthenticated",
            },
            "metadata": {
              "default": "all-unauthenticated",
            },
            "networks": [
              {
                "net": {
                  "ip": {
                    "ipv4": 0,
                  },
                },
              },
              {
                "net": {
                  "ip": {
                    "ipv6": {},
                  },
                },
              },
            ],
          },
        ],
        "labels": {
          "group": "",
          "kind": "default",
          "name": "all-unauthenticated",
        },
        "protocol": {
          "detect": {
            "httpRoutes": [
              {
                "metadata": {
                  "default": "default",
                },
                "rules": [
                  {
                    "matches": [
                      {
                        "path": {
                          "prefix": "/",
                        },
                      },
                    ],
                  },
                ],
              },
              {
                "authorizations": [
                  {
                    "authentication": {
                      "unauthenticated": {},
                    },
                    "labels": {
                      "group": "",
                      "kind": "default",
                      "name": "probe",
                    },
                    "metadata": {
                      "default": "probe",
                    },
                    "networks": [
                      {
                        "net": {
                          "ip": {
                            "ipv4": 0,
                          },
                        },
                      },
                      {
                        "net": {
                          "ip": {
                            "ipv6": {},
                          },
                        },
                      },
                    ],
                  },
                ],
                "metadata": {
                  "default": "probe",
                },
                "rules": [
                  {
                    "matches": [
                      {
                        "method": {
                          "registered": "GET",
                        },
                        "path": {
                          "exact": "/live",
                        },
                      },
                    ],
                  },
                ],
              },
            ],
            "timeout": "10s",
          },
        },
      }
    `);
  });

  test('follows the annotations of pod and namespace', async () => {
    const seen = watchPort(8080);
    await vi.waitFor(() => expect(seen.messages).toHaveLength(1));
    write(namespace({ 'config.tulle.dev/default-inbound-policy': 'deny' }), pod('10.0.0.1'));
    await vi.waitFor(() => expect(seen.messages[1]).toMatchObject({ labels: { name: 'deny' } }), 2000);
    write(
      namespace({ 'config.tulle.dev/default-inbound-policy': 'deny' }),
      pod('10.0.0.1', { annotations: { 'config.linkerd.io/default-inbound-policy': 'cluster-authenticated' } }),
    );
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
    expect(seen.messages[0]).toMatchInlineSnapshot(`
      {
        "metadata": {
          "resource": {
            "group": "core",
            "kind": "Service",
            "name": "web",
            "namespace": "shop",
            "port": 80,
          },
        },
        "protocol": {
          "detect": {
            "http1": {
              "routes": [
                {
                  "metadata": {
                    "default": "http",
                  },
                  "rules": [
                    {
                      "backends": {
                        "firstAvailable": {
                          "backends": [
                            {
                              "backend": {
                                "balancer": {
                                  "discovery": {
                                    "dst": {
                                      "path": "web.shop.svc.cluster.local:80",
                                    },
                                  },
                                  "peakEwma": {
                                    "decay": "10s",
                                    "defaultRtt": "0.030s",
                                  },
                                },
                                "metadata": {
                                  "resource": {
                                    "group": "core",
                                    "kind": "Service",
                                    "name": "web",
                                    "namespace": "shop",
                                    "port": 80,
                                  },
                                },
                                "queue": {
                                  "capacity": 100,
                                  "failfastTimeout": "3s",
                                },
                              },
                            },
                          ],
                        },
                      },
                      "matches": [
                        {
                          "path": {
                            "prefix": "/",
                          },
                        },
                      ],
                    },
                  ],
                },
              ],
            },
            "http2": {
              "routes": [
                {
                  "metadata": {
                    "default": "http",
                  },
                  "rules": [
                    {
                      "backends": {
                        "firstAvailable": {
                          "backends": [
                            {
                              "backend": {
                                "balancer": {
                                  "discovery": {
                                    "dst": {
                                      "path": "web.shop.svc.cluster.local:80",
                                    },
                                  },
                                  "peakEwma": {
                                    "decay": "10s",
                                    "defaultRtt": "0.030s",
                                  },
                                },
                                "metadata": {
                                  "resource": {
                                    "group": "core",
                                    "kind": "Service",
                                    "name": "web",
                                    "namespace": "shop",
                                    "port": 80,
                                  },
                                },
                                "queue": {
                                  "capacity": 100,
                                  "failfastTimeout": "3s",
                                },
                              },
                            },
                          ],
                        },
                      },
                      "matches": [
                        {
                          "path": {
                            "prefix": "/",
                          },
                        },
                      ],
                    },
                  ],
                },
              ],
            },
            "opaque": {
              "routes": [
                {
                  "metadata": {
                    "default": "opaque",
                  },
                  "rules": [
                    {
                      "backends": {
                        "firstAvailable": {
                          "backends": [
                            {
                              "backend": {
                                "balancer": {
                                  "discovery": {
                                    "dst": {
                                      "path": "web.shop.svc.cluster.local:80",
                                    },
                                  },
                                  "peakEwma": {
                                    "decay": "10s",
                                    "defaultRtt": "0.030s",
                                  },
                                },
                                "metadata": {
                                  "resource": {
                                    "group": "core",
                                    "kind": "Service",
                                    "name": "web",
                                    "namespace": "shop",
                                    "port": 80,
                                  },
                                },
                                "queue": {
                                  "capacity": 100,
                                  "failfastTimeout": "3s",
                                },
                              },
                            },
                          ],
                        },
                      },
                    },
                  ],
                },
              ],
            },
            "timeout": "10s",
          },
        },
      }
    `);
  });

  test('of no Service is NOT_FOUND', async () => {
    const seen = watchOutbound('nothing.shop.svc.cluster.local:80');
    await vi.waitFor(() => expect(seen.error?.code).toBe(status.NOT_FOUND));
  });
});
