import { IpNetwork } from '../../wire/ip-network.ts';
import { defaultLabels } from '../labels.ts';
import type { Authentication, Authorization, ServerPolicy } from './server-policy.ts';

export const defaultPolicies = [
  'all-unauthenticated',
  'all-authenticated',
  'cluster-unauthenticated',
  'cluster-authenticated',
  'all-tls-unauthenticated',
  'cluster-tls-unauthenticated',
  'audit',
  'deny',
] as const;
export type DefaultPolicy = (typeof defaultPolicies)[number];

export interface DefaultPolicyOptions {
  readonly clusterNetworks: readonly IpNetwork[];
  readonly detectTimeoutMs: number;
  readonly opaque: boolean;
  /** The port takes no client without an identity, whatever the policy says. */
  readonly requireIdentity: boolean;
  /** Nor one without the mesh's TLS. */
  readonly requireTls: boolean;
}

const everywhere = [IpNetwork.parse('0.0.0.0/0')!, IpNetwork.parse('::/0')!];
const anyIdentity: Authentication = { kind: 'identities', names: new Set(), suffixes: [''] };

/** What a port accepts as long as the control plane has not spoken (linkerd app/inbound/src/policy/defaults.rs). */
export function defaultServerPolicy(policy: DefaultPolicy, options: DefaultPolicyOptions): ServerPolicy {
  return {
    protocol: options.opaque ? 'opaque' : 'detect',
    detectTimeoutMs: options.detectTimeoutMs,
    labels: defaultLabels(policy),
    authorizations: policy === 'deny' ? [] : [authorization(policy, options)],
    routes: undefined,
    isGrpc: false,
    tokensFirst: undefined,
    written: false,
    guardsPaths: false,
    guardsMethods: false,
    ownHeaders: undefined,
    rateLimit: undefined,
  };
}

function authorization(policy: Exclude<DefaultPolicy, 'deny'>, options: DefaultPolicyOptions): Authorization {
  const networks = (policy.startsWith('cluster-') ? options.clusterNetworks : everywhere).map((network) => ({
    network,
    except: [],
  }));
  const authentication = authenticationOf(policy, options);
  return { networks, authentication, labels: defaultLabels(policy), audit: policy === 'audit' };
}

function authenticationOf(
  policy: DefaultPolicy,
  { requireIdentity, requireTls }: DefaultPolicyOptions,
): Authentication {
  if (requireIdentity || policy.endsWith('-authenticated')) return anyIdentity;
  if (requireTls || policy.endsWith('-tls-unauthenticated')) return { kind: 'tls' };
  return { kind: 'unauthenticated' };
}
