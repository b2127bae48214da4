import { create, fromBinary, toJson } from '@bufbuild/protobuf';
import { type ClientReadableStream, credentials, type ServiceError } from '@grpc/grpc-js';
import pino from 'pino';
import { Registry } from 'prom-client';
import {
  Destination,
  DestinationProfileSchema,
  GetDestinationSchema,
  UpdateSchema,
} from '../../api/gen/destination_pb.js';
import { GrpcClient } from '../../api/grpc.ts';
import { parsePortSet } from '../../lib/contract/port-list.ts';
import type { KubernetesObject } from '../../lib/kinds/kubernetes-object.ts';
import type { ClusterConfig } from '../cluster/cluster-config.ts';
import { ClusterIndex } from '../cluster/cluster-index.ts';
import { startComponent } from '../serving/component.ts';
import type { Kind } from '../sources/kinds.ts';
import type { ObjectEvent, ObjectSource } from '../sources/object-source.ts';
import { ObjectStore } from '../sources/object-store.ts';
import { destinationService } from './destination-service.ts';

/** A source whose objects a test puts and deletes. */
export class MemorySource implements ObjectSource {
  readonly synced = Promise.resolve();
  private readonly store = new ObjectStore();

  put(...objects: object[]): void {
    for (const object of objects) this.store.put(object as KubernetesObject);
  }

  delete(...objects: object[]): void {
    for (const object of objects) this.store.delete(object as KubernetesObject);
  }

  watch<K extends Kind>(kind: K, handler: (event: ObjectEvent<K>) => void): () => void {
    return this.store.watch(kind, handler);
  }

  close(): void {}
}

/** What a stream has told so far, as JSON, and how it ended. */
export interface Seen {
  readonly messages: unknown[];
  error?: ServiceError;
}

export const testConfig: ClusterConfig = {
  meshNamespace: 'tulle',
  trustDomain: 'cluster.local',
  clusterDomain: 'cluster.local',
  egressNamespace: 'tulle-egress',
  opaquePorts: parsePortSet('25,3306')!,
  inboundPolicy: 'all-unauthenticated',
  clusterNetworks: ['10.0.0.0/8'],
  ipv6: false,
};

/** The destination service over gRPC, on a source in memory. */
export async function startTestDestination(options: Partial<ClusterConfig> = {}) {
  const source = new MemorySource();
  const registry = new Registry();
  const index = new ClusterIndex(source);
  const logged: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => logged.push(line) });
  const config = { ...testConfig, ...options };
  const component = await startComponent({
    log,
    registry,
    admin: { host: '127.0.0.1', port: 0 },
    grpc: [{ host: '127.0.0.1', port: 0 }],
    services: [destinationService(index, config, log, registry)],
    ready: () => true,
    close: () => index.close(),
  });
  const client = new GrpcClient(`127.0.0.1:${component.ports[0]}`, credentials.createInsecure());
  const open: ClientReadableStream<unknown>[] = [];

  const collect = <Message>(call: ClientReadableStream<Message>, show: (message: Message) => unknown): Seen => {
    const seen: Seen = { messages: [] };
    call.on('data', (message: Message) => seen.messages.push(show(message)));
    call.on('error', (error: ServiceError) => {
      seen.error = error;
    });
    open.push(call);
    return seen;
  };
  return {
    source,
    registry,
    logged,
    port: component.ports[0],
    client,
    /** Asks for endpoints, as a client that says `context` of itself. */
    get(path: string, context: object = {}, allZones = false): Seen {
      const request = create(GetDestinationSchema, { path, allZones, contextToken: JSON.stringify(context) });
      return collect(client.stream(Destination.method.get, request), (update) => toJson(UpdateSchema, update));
    },
    getProfile(path: string, context: object = {}): Seen {
      const request = create(GetDestinationSchema, { path, contextToken: JSON.stringify(context) });
      return collect(client.stream(Destination.method.getProfile, request), (profile) =>
        toJson(DestinationProfileSchema, profile),
      );
    },
    async stop(): Promise<void> {
      for (const call of open.splice(0)) call.cancel();
      client.close();
      await component.stop();
    },
  };
}
export type TestDestination = Awaited<ReturnType<typeof startTestDestination>>;

export const decodeUpdate = (bytes: Uint8Array): unknown => toJson(UpdateSchema, fromBinary(UpdateSchema, bytes));

export function namespace(name = 'shop', annotations: object = {}): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, annotations } };
}

export function node(name: string, zone: string): object {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { 'topology.kubernetes.io/zone': zone } } };
}

/** The Service `web` of `shop`: `http` 80 to 8080, `db` 3306. */
export function service(spec: object = {}, metadata: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop', ...metadata },
    spec: {
      clusterIP: '10.96.0.10',
      ports: [
        { name: 'http', port: 80, targetPort: 'web' },
        { name: 'db', port: 3306 },
      ],
      ...spec,
    },
  };
}

/** An endpoint of a slice: the pod `web-<last digit>` at an address. */
export function endpoint(ip: string, more: object = {}): object {
  const name = `web-${ip.at(-1)}`;
  return {
    addresses: [ip],
    hostname: name,
    conditions: { ready: true },
    targetRef: { kind: 'Pod', name, namespace: 'shop' },
    ...more,
  };
}

export function slice(endpoints: object[], more: object = {}, name = 'web-abc', of = 'web'): object {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'shop', labels: { 'kubernetes.io/service-name': of } },
    addressType: 'IPv4',
    ports: [
      { name: 'http', port: 8080 },
      { name: 'db', port: 3306 },
    ],
    endpoints,
    ...more,
  };
}

export interface PodOptions {
  name?: string;
  meshed?: boolean;
  env?: Record<string, string>;
  labels?: object;
  annotations?: object;
  spec?: object;
  status?: object;
}

/** The pod `web-<last digit>`, ready, with a sidecar unless `meshed` is false. */
export function pod(ip: string, options: PodOptions = {}): object {
  const meshed = options.meshed ?? true;
  const mesh = { 'linkerd.io/control-plane-ns': 'tulle', 'linkerd.io/proxy-deployment': 'web' };
  const env = Object.entries(options.env ?? {}).map(([name, value]) => ({ name, value }));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: options.name ?? `web-${ip.at(-1)}`,
      namespace: 'shop',
      annotations: options.annotations ?? {},
      labels: { 'pod-template-hash': 'abc', ...(meshed ? mesh : {}), ...options.labels },
    },
    spec: {
      serviceAccountName: 'web',
      nodeName: 'n1',
      containers: [{ name: 'web', ports: [{ name: 'web', containerPort: 8080 }] }],
      initContainers: meshed ? [{ name: 'tulle-proxy', env }] : [],
      ...options.spec,
    },
    status: { podIP: ip, phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }], ...options.status },
  };
}
