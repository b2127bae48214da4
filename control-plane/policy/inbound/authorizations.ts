import type { MessageInitShape } from '@bufbuild/protobuf';
import type { AuthnSchema, AuthzSchema, NetworkSchema } from '../../../api/gen/inbound_pb.js';
import { parseCidr } from '../../../lib/contract/cidr.ts';
import { identityName } from '../../../lib/contract/names.ts';
import type { AuthorizationPolicy } from '../../../lib/kinds/authorization-policy.ts';
import type { MeshTlsAuthentication } from '../../../lib/kinds/mesh-tls-authentication.ts';
import type { NetworkMatch } from '../../../lib/kinds/schema.ts';
import type { ServerAuthorization } from '../../../lib/kinds/server-authorization.ts';
import type { ClusterConfig } from '../../cluster/cluster-config.ts';
import { ipToApi } from '../../destination/addresses.ts';
import type { PolicyIndex } from '../index/policy-index.ts';
import { policyTopics } from '../index/policy-topics.ts';
import { isKind } from '../routes/references.ts';

export type AuthzInit = MessageInitShape<typeof AuthzSchema>;
type NetworkInit = MessageInitShape<typeof NetworkSchema>;
export type PermitInit = NonNullable<MessageInitShape<typeof AuthnSchema>['permit']>;

export const everywhere: readonly NetworkMatch[] = [{ cidr: '0.0.0.0/0' }, { cidr: '::/0' }];

/** Without TLS, too. */
export const permitAll: PermitInit = { case: 'unauthenticated', value: {} };
/** With TLS of the mesh, without an identity too. */
export const permitTls: PermitInit = {
  case: 'meshTLS',
  value: { clients: { case: 'unauthenticated', value: {} } },
};

/** Clients that prove one of `identities`: names, `*.suffix`, or `*` for every one. */
export function permitIdentities(identities: readonly string[]): PermitInit {
  const suffixes = identities.filter((identity) => identity === '*' || identity.startsWith('*.'));
  const names = identities.filter((identity) => !suffixes.includes(identity));
  return {
    case: 'meshTLS',
    value: {
      clients: {
        case: 'identities',
        value: {
          identities: names.map((name) => ({ name })),
          suffixes: suffixes.map((suffix) => ({ parts: suffix === '*' ? [] : suffix.slice(2).split('.') })),
        },
      },
    },
  };
}

/** An authorization of one of the built-in policies. */
export function defaultAuthorization(name: string, networks: readonly NetworkMatch[], permit: PermitInit): AuthzInit {
  return {
    networks: networks.flatMap(network),
    authentication: { permit },
    labels: { group: '', kind: 'default', name },
    metadata: { kind: { case: 'default', value: name } },
  };
}

/** Undefined when it lets nobody in: it names no client. */
export function fromServerAuthorization(object: ServerAuthorization, config: ClusterConfig): AuthzInit | undefined {
  const { networks, unauthenticated, meshTLS } = object.spec.client;
  const namespace = object.metadata.namespace ?? 'default';
  const from = networks ?? config.clusterNetworks.map((cidr) => ({ cidr }));
  const name = object.metadata.name;
  if (unauthenticated) return resource('serverauthorization', name, from, permitAll);
  if (meshTLS == null) return undefined;
  if (meshTLS.unauthenticatedTLS) return resource('serverauthorization', name, from, permitTls);
  const identities = [
    ...(meshTLS.identities ?? []),
    ...(meshTLS.serviceAccounts ?? []).map((account) =>
      identityName(account.name, account.namespace ?? namespace, config),
    ),
  ];
  if (identities.length === 0) return undefined;
  return resource('serverauthorization', name, from, permitIdentities(identities));
}

/** Undefined when it lets nobody in: what it refers to is not there, or names nobody. The topics are those of what it refers to. */
export function fromAuthorizationPolicy(
  object: AuthorizationPolicy,
  index: PolicyIndex,
  config: ClusterConfig,
): { authorization: AuthzInit | undefined; topics: string[] } {
  const namespace = object.metadata.namespace ?? 'default';
  const topics: string[] = [];
  let identities: readonly string[] | undefined;
  let networks: readonly NetworkMatch[] | undefined;
  let understood = true;
  for (const ref of object.spec.requiredAuthenticationRefs) {
    const key = `${ref.namespace ?? namespace}/${ref.name}`;
    if (isKind(ref, 'policy.linkerd.io', 'MeshTLSAuthentication')) {
      topics.push(policyTopics.authentication('mesh TLS', key));
      const authentication = index.meshTls.get(key);
      const named = authentication && identitiesOf(authentication, config);
      // All must hold: two lists of names would have to be cut, which Linkerd refuses too.
      understood &&= named !== undefined && identities === undefined;
      identities ??= named;
    } else if (isKind(ref, '', 'ServiceAccount')) {
      understood &&= identities === undefined;
      identities ??= [identityName(ref.name, ref.namespace ?? namespace, config)];
    } else if (isKind(ref, 'policy.linkerd.io', 'NetworkAuthentication')) {
      topics.push(policyTopics.authentication('network', key));
      const matches = index.networks.get(key)?.spec.networks;
      understood &&= matches !== undefined && networks === undefined;
      networks ??= matches;
    } else understood = false;
  }
  const permit = identities === undefined ? permitAll : permitIdentities(identities);
  const authorization = resource('authorizationpolicy', object.metadata.name, networks ?? everywhere, permit);
  return { authorization: understood ? authorization : undefined, topics };
}

/** Undefined when it names nobody, or a kind that has no identity. */
function identitiesOf({ metadata, spec }: MeshTlsAuthentication, config: ClusterConfig): string[] | undefined {
  const names = [...(spec.identities ?? [])];
  for (const ref of spec.identityRefs ?? []) {
    if (isKind(ref, '', 'ServiceAccount')) {
      names.push(identityName(ref.name, ref.namespace ?? metadata.namespace ?? 'default', config));
    } else if (isKind(ref, '', 'Namespace')) names.push(identityName('*', ref.name, config));
    else return undefined;
  }
  return names.length === 0 ? undefined : names;
}

function resource(kind: string, name: string, networks: readonly NetworkMatch[], permit: PermitInit): AuthzInit {
  const group = 'policy.linkerd.io';
  return {
    networks: networks.flatMap(network),
    authentication: { permit },
    labels: { group, kind, name },
    metadata: { kind: { case: 'resource', value: { group, kind, name } } },
  };
}

/** Nothing for a network that cannot be read: it lets nobody in, and neither does one with a hole that cannot be. */
function network({ cidr, except }: NetworkMatch): NetworkInit[] {
  const net = ipNetwork(cidr);
  const holes = (except ?? []).map(ipNetwork);
  return net === undefined || holes.includes(undefined)
    ? []
    : [{ net, except: holes.filter((hole) => hole !== undefined) }];
}

function ipNetwork(text: string): NetworkInit['net'] | undefined {
  const cidr = parseCidr(text);
  const ip = cidr && ipToApi(text.split('/')[0]);
  return cidr === undefined || ip === undefined ? undefined : { ip, prefixLen: cidr.prefixLength };
}
