import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { HttpMethod_Registered } from '../../api/gen/http_types_pb.js';
import {
  type AuthnSchema,
  type Authz,
  AuthzSchema,
  type HttpRoute,
  HttpRouteSchema,
  type NetworkSchema,
  type Server,
  ServerSchema,
} from '../../api/gen/inbound_pb.js';
import type { ClusterConfig } from '../cluster/cluster-config.ts';
import type { ClusterIndex } from '../cluster/cluster-index.ts';
import { type DefaultInboundPolicy, isDefaultInboundPolicy } from '../cluster/inbound-policies.ts';
import { portsSetting, setting } from '../cluster/pod-facts.ts';
import { ipToApi } from '../destination/addresses.ts';
import { isOpaquePort } from '../destination/endpoints.ts';
import type { Container, Pod } from '../sources/kubernetes-object.ts';

const everywhere = ['0.0.0.0/0', '::/0'];
const detectTimeoutMs = 10_000;

/** The policy of a pod's port: as long as no object selects it, the default one of pod, namespace or mesh. */
export function serverPolicy(pod: Pod, port: number, index: ClusterIndex, config: ClusterConfig): Server {
  const policy = defaultPolicyOf(pod, index, config);
  const requireIdentity = portsSetting(pod, 'proxy-require-identity-inbound-ports')?.has(port) ?? false;
  const authorizations = policy === 'deny' ? [] : [authorization(policy, requireIdentity, config)];
  return create(ServerSchema, {
    protocol: { kind: isOpaquePort(pod, port, index, config) ? opaque : detect(routes(pod, port)) },
    authorizations,
    labels: { group: '', kind: 'default', name: policy },
  });
}

const opaque = { case: 'opaque' as const, value: {} };
const detect = (httpRoutes: HttpRoute[]) => ({
  case: 'detect' as const,
  value: { timeout: durationFromMs(detectTimeoutMs), httpRoutes },
});

function defaultPolicyOf(pod: Pod, index: ClusterIndex, config: ClusterConfig): DefaultInboundPolicy {
  const namespace = index.namespaces.get(pod.metadata.namespace ?? 'default');
  for (const object of [pod, namespace]) {
    const name = setting(object, 'default-inbound-policy');
    if (name !== undefined && isDefaultInboundPolicy(name)) return name;
  }
  return config.inboundPolicy;
}

function authorization(
  policy: Exclude<DefaultInboundPolicy, 'deny'>,
  requireIdentity: boolean,
  config: ClusterConfig,
): Authz {
  const cidrs = policy.startsWith('cluster-') ? config.clusterNetworks : everywhere;
  const init: AuthzInit = {
    networks: cidrs.flatMap(network),
    authentication: { permit: permit(policy, requireIdentity) },
    labels: { group: '', kind: 'default', name: policy },
    metadata: { kind: { case: 'default', value: policy } },
  };
  return create(AuthzSchema, init);
}

type AuthzInit = MessageInitShape<typeof AuthzSchema>;
type NetworkInit = MessageInitShape<typeof NetworkSchema>;
type PermitInit = NonNullable<MessageInitShape<typeof AuthnSchema>['permit']>;

function permit(policy: DefaultInboundPolicy, requireIdentity: boolean): PermitInit {
  if (requireIdentity || policy.endsWith('-authenticated')) {
    const identities = { case: 'identities' as const, value: { suffixes: [{ parts: [] }] } };
    return { case: 'meshTLS', value: { clients: identities } };
  }
  if (policy.endsWith('-tls-unauthenticated')) {
    return { case: 'meshTLS' as const, value: { clients: { case: 'unauthenticated' as const, value: {} } } };
  }
  return { case: 'unauthenticated' as const, value: {} };
}

function network(cidr: string): NetworkInit[] {
  const [address, length] = cidr.split('/');
  const ip = ipToApi(address);
  const bits = address.includes(':') ? 128 : 32;
  return ip === undefined ? [] : [{ net: { ip, prefixLen: length === undefined ? bits : Number(length) } }];
}

/** The default route, and one for the kubelet's probes, which come without an identity. */
function routes(pod: Pod, port: number): HttpRoute[] {
  const paths = probePaths(pod, port);
  const all = create(HttpRouteSchema, {
    metadata: { kind: { case: 'default', value: 'default' } },
    rules: [{ matches: [{ path: { kind: { case: 'prefix', value: '/' } } }] }],
  });
  if (paths.length === 0) return [all];
  const probe = create(HttpRouteSchema, {
    metadata: { kind: { case: 'default', value: 'probe' } },
    authorizations: [
      {
        networks: everywhere.flatMap(network),
        authentication: { permit: { case: 'unauthenticated', value: {} } },
        labels: { group: '', kind: 'default', name: 'probe' },
        metadata: { kind: { case: 'default', value: 'probe' } },
      },
    ],
    rules: [
      {
        matches: paths.map((path) => ({
          path: { kind: { case: 'exact' as const, value: path } },
          method: { type: { case: 'registered' as const, value: HttpMethod_Registered.GET } },
        })),
      },
    ],
  });
  return [all, probe];
}

function probePaths(pod: Pod, port: number): string[] {
  const paths = new Set<string>();
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  for (const container of containers) {
    for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) {
      const get = probe?.httpGet;
      if (get !== undefined && portNumber(container, get.port) === port) paths.add(get.path ?? '/');
    }
  }
  return [...paths];
}

function portNumber(container: Container, port: number | string): number | undefined {
  if (typeof port === 'number') return port;
  return container.ports?.find(({ name }) => name === port)?.containerPort ?? (Number(port) || undefined);
}
