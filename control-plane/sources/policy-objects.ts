import type { LabelSelector } from '../../lib/contract/labels.ts';
import type { KubernetesObject } from './kubernetes-object.ts';

/** The kinds of policy.linkerd.io and linkerd.io that say who may call and how (linkerd2 charts/linkerd-crds). */

export interface ObjectRef {
  readonly group?: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

export interface NetworkMatch {
  readonly cidr: string;
  readonly except?: readonly string[];
}

export interface Server extends KubernetesObject {
  readonly kind: 'Server';
  readonly spec: {
    /** Left out by a Server that selects workloads outside the cluster. */
    readonly podSelector?: LabelSelector;
    readonly port: number | string;
    readonly proxyProtocol?: 'unknown' | 'HTTP/1' | 'HTTP/2' | 'gRPC' | 'opaque' | 'TLS';
    readonly accessPolicy?: string;
  };
}

export interface ServerAuthorization extends KubernetesObject {
  readonly kind: 'ServerAuthorization';
  readonly spec: {
    readonly server: { readonly name?: string; readonly selector?: LabelSelector };
    readonly client: {
      readonly networks?: readonly NetworkMatch[];
      readonly unauthenticated?: boolean;
      readonly meshTLS?: {
        readonly unauthenticatedTLS?: boolean;
        readonly identities?: readonly string[];
        readonly serviceAccounts?: readonly { readonly name: string; readonly namespace?: string }[];
      };
    };
  };
}

export interface AuthorizationPolicy extends KubernetesObject {
  readonly kind: 'AuthorizationPolicy';
  readonly spec: {
    readonly targetRef: ObjectRef;
    readonly requiredAuthenticationRefs: readonly ObjectRef[];
  };
}

export interface MeshTlsAuthentication extends KubernetesObject {
  readonly kind: 'MeshTLSAuthentication';
  readonly spec: { readonly identities?: readonly string[]; readonly identityRefs?: readonly ObjectRef[] };
}

export interface NetworkAuthentication extends KubernetesObject {
  readonly kind: 'NetworkAuthentication';
  readonly spec: { readonly networks: readonly NetworkMatch[] };
}

export interface ServiceProfile extends KubernetesObject {
  readonly kind: 'ServiceProfile';
  readonly spec?: {
    readonly routes?: readonly ProfileRoute[];
    readonly retryBudget?: {
      readonly retryRatio: number;
      readonly minRetriesPerSecond: number;
      readonly ttl: string;
    };
    readonly dstOverrides?: readonly { readonly authority: string; readonly weight: number | string }[];
    readonly opaquePorts?: readonly string[];
  };
}

export interface ProfileRoute {
  readonly name: string;
  readonly condition: RequestCondition;
  readonly responseClasses?: readonly { readonly condition: ResponseCondition; readonly isFailure?: boolean }[];
  readonly isRetryable?: boolean;
  readonly timeout?: string;
}

export interface RequestCondition {
  readonly pathRegex?: string;
  readonly method?: string;
  readonly all?: readonly RequestCondition[];
  readonly any?: readonly RequestCondition[];
  readonly not?: RequestCondition;
}

export interface ResponseCondition {
  readonly status?: { readonly min?: number; readonly max?: number };
  readonly all?: readonly ResponseCondition[];
  readonly any?: readonly ResponseCondition[];
  readonly not?: ResponseCondition;
}
