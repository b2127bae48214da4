import type { MessageInitShape } from '@bufbuild/protobuf';
import type { HttpLocalRateLimitSchema } from '../../../api/gen/inbound_pb.js';
import { identityName } from '../../../lib/contract/names.ts';
import type { HttpLocalRateLimitPolicy } from '../../../lib/kinds/http-local-rate-limit-policy.ts';
import type { ClusterConfig } from '../../cluster/cluster-config.ts';
import { isKind } from '../routes/references.ts';

/**
 * A rate limit, as proxies are told it (linkerd2 policy-controller/grpc/src/inbound.rs). A client that is none, since it
 * is of another kind, has no override: the limit of each identity holds for it.
 */
export function rateLimitToApi(
  { metadata, spec }: HttpLocalRateLimitPolicy,
  config: ClusterConfig,
): MessageInitShape<typeof HttpLocalRateLimitSchema> {
  const { namespace = 'default', name } = metadata;
  const limit = ({ requestsPerSecond }: { readonly requestsPerSecond: number }) => ({ requestsPerSecond });
  return {
    metadata: {
      kind: { case: 'resource', value: { group: 'policy.linkerd.io', kind: 'HTTPLocalRateLimitPolicy', name } },
    },
    ...(spec.total == null ? {} : { total: limit(spec.total) }),
    ...(spec.identity == null ? {} : { identity: limit(spec.identity) }),
    overrides: (spec.overrides ?? []).flatMap((override) => {
      const identities = override.clientRefs
        .filter((ref) => isKind(ref, '', 'ServiceAccount'))
        .map((ref) => ({ name: identityName(ref.name, ref.namespace ?? namespace, config) }));
      return identities.length === 0 ? [] : [{ limit: limit(override), clients: { identities } }];
    }),
  };
}
