import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { Metadata } from '../../api/gen/meta_pb.js';
import { MetadataSchema } from '../../api/gen/meta_pb.js';
import { type Backend, BackendSchema, type OutboundPolicy, OutboundPolicySchema } from '../../api/gen/outbound_pb.js';
import type { ClusterConfig } from '../cluster/cluster-config.ts';
import type { ClusterIndex } from '../cluster/cluster-index.ts';
import { addressToApi } from '../destination/addresses.ts';
import { profileOf } from '../destination/profiles.ts';
import type { Target } from '../destination/target.ts';

/** The policy of a target as of now; undefined when there is no such Service. */
export interface OutboundView {
  readonly policy: OutboundPolicy | undefined;
  readonly topics: readonly string[];
}

const queue = { capacity: 100, failfastTimeout: durationFromMs(3000) };
const peakEwma = { defaultRtt: durationFromMs(30), decay: durationFromMs(10_000) };
const detectTimeoutMs = 10_000;

/** How a proxy treats what goes to `target` as long as no route says more (linkerd2 policy-controller/grpc/src/outbound.rs). */
export function outboundPolicy(target: Target, index: ClusterIndex, config: ClusterConfig): OutboundView {
  const { profile, topics } = profileOf(target, index, config);
  const parent = profile.parentRef?.kind.case === 'resource' ? profile.parentRef.kind.value : undefined;
  if (parent === undefined) {
    return {
      policy: target.kind === 'ip' ? forwardPolicy(target.ip, target.port, profile.opaqueProtocol) : undefined,
      topics,
    };
  }
  const service = index.services.get(`${parent.namespace}/${parent.name}`);
  if (service === undefined) return { policy: undefined, topics };
  const metadata = create(MetadataSchema, {
    kind: {
      case: 'resource',
      value: { group: 'core', kind: 'Service', name: parent.name, namespace: parent.namespace, port: parent.port },
    },
  });
  const path = `${profile.fullyQualifiedName}:${parent.port}`;
  const backend = create(BackendSchema, {
    metadata,
    queue,
    kind: {
      case: 'balancer',
      value: {
        discovery: { kind: { case: 'dst', value: { path } } },
        load: { case: 'peakEwma', value: peakEwma },
      },
    },
  });
  return { policy: policyOf(metadata, backend, profile.opaqueProtocol), topics };
}

/** An address outside the cluster's Services goes where the workload sent it. */
function forwardPolicy(ip: string, port: number, opaque: boolean): OutboundPolicy {
  const metadata = create(MetadataSchema, { kind: { case: 'default', value: 'egress-fallback' } });
  const backend = create(BackendSchema, {
    metadata,
    queue,
    kind: { case: 'forward', value: { addr: addressToApi(ip, port), weight: 1 } },
  });
  return policyOf(metadata, backend, opaque);
}

function policyOf(metadata: Metadata, backend: Backend, opaque: boolean): OutboundPolicy {
  const kind = metadata.kind.case === 'default' ? metadata.kind.value : undefined;
  const named = (name: string) => ({ kind: { case: 'default' as const, value: kind ?? name } });
  const backends = { kind: { case: 'firstAvailable' as const, value: { backends: [{ backend }] } } };
  const everything = [{ path: { kind: { case: 'prefix' as const, value: '/' } } }];
  const http = { routes: [{ metadata: named('http'), rules: [{ matches: everything, backends }] }] };
  const tcp = { routes: [{ metadata: named('opaque'), rules: [{ backends }] }] };
  return create(OutboundPolicySchema, {
    metadata,
    protocol: {
      kind: opaque
        ? { case: 'opaque', value: tcp }
        : {
            case: 'detect',
            value: { timeout: durationFromMs(detectTimeoutMs), opaque: tcp, http1: http, http2: http },
          },
    },
  });
}
