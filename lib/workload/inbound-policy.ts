import type { InboundPolicyName } from '../contract/inbound-policies.ts';

/** Who may call a port that no Server and no authorization speaks of. */
export class InboundPolicy {
  /** Everyone, meshed or not, from anywhere. */
  static allUnauthenticated(): InboundPolicy {
    return new InboundPolicy('all-unauthenticated');
  }

  /** Meshed clients of any network, by their identity. */
  static allAuthenticated(): InboundPolicy {
    return new InboundPolicy('all-authenticated');
  }

  /** Everyone from the cluster's networks. */
  static clusterUnauthenticated(): InboundPolicy {
    return new InboundPolicy('cluster-unauthenticated');
  }

  /** Meshed clients from the cluster's networks, by their identity. */
  static clusterAuthenticated(): InboundPolicy {
    return new InboundPolicy('cluster-authenticated');
  }

  /** Meshed clients of any network, also those whose identity is of another trust domain. */
  static allTlsUnauthenticated(): InboundPolicy {
    return new InboundPolicy('all-tls-unauthenticated');
  }

  /** Meshed clients from the cluster's networks, also those whose identity is of another trust domain. */
  static clusterTlsUnauthenticated(): InboundPolicy {
    return new InboundPolicy('cluster-tls-unauthenticated');
  }

  /** Everyone; what `deny` would refuse is logged and counted. */
  static audit(): InboundPolicy {
    return new InboundPolicy('audit');
  }

  /** Nobody. */
  static deny(): InboundPolicy {
    return new InboundPolicy('deny');
  }

  /** Value of the annotation `config.tulle.dev/default-inbound-policy`. */
  readonly name: string;

  private constructor(name: InboundPolicyName) {
    this.name = name;
  }

  /** @internal */
  get _name(): InboundPolicyName {
    return this.name as InboundPolicyName;
  }
}
