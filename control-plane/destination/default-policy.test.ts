import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toJson } from '@bufbuild/protobuf';
import { type ClientReadableStream, credentials, type ServiceError, status } from '@grpc/grpc-js';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { stringify } from 'yaml';
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
const pod = (ip: string, options: { annotations?: object } = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: `web-${ip.at(-1)}`,
    namespace: 'shop',
    annotations: options.annotations ?? {},
    labels: { 'linkerd.io/control-plane-ns': 'tulle', 'linkerd.io/proxy-deployment': 'web' },
  },
  spec: {
    serviceAccountName: 'web',
    containers: [
      { name: 'web', ports: [{ containerPort: 8080 }], livenessProbe: { httpGet: { path: '/live', port: 8080 } } },
    ],
    initContainers: [{ name: 'tulle-proxy' }],
  },
  status: { podIP: ip, phase: 'Running' },
});

const write = (...objects: object[]): void =>
  writeFileSync(join(folder, 'objects.yaml'), objects.map((object) => stringify(object)).join('---\n'));

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tulle-destination-'));
  write(namespace(), service(), pod('10.0.0.1'));
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
