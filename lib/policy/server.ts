import type { Construct, IConstruct } from 'constructs';
import { kinds } from '../kinds/index.ts';
import { InboundPolicy } from '../workload/inbound-policy.ts';
import { PodSelector } from './pod-selector.ts';
import { PolicyObject, type PolicyObjectProps } from './policy-object.ts';
import type { Port } from './port.ts';
import { ProxyProtocol } from './proxy-protocol.ts';

export interface ServerProps extends PolicyObjectProps {
  /** Whose port it is: a workload, or pods by their labels. */
  readonly pods: PodSelector | IConstruct;

  /** The port. */
  readonly port: Port;

  /**
   * What is spoken there.
   *
   * @default ProxyProtocol.detect()
   */
  readonly protocol?: ProxyProtocol;

  /**
   * Who may call where no AuthorizationPolicy lets anybody in.
   *
   * @default InboundPolicy.deny()
   */
  readonly accessPolicy?: InboundPolicy;
}

/** A port of some pods: what says who may call, and which requests are taken, is about one. */
export class Server extends PolicyObject {
  constructor(scope: Construct, id: string, props: ServerProps) {
    const { pods, port, protocol = ProxyProtocol.detect(), accessPolicy = InboundPolicy.deny() } = props;
    const selector = pods instanceof PodSelector ? pods : PodSelector.of(pods);
    super(scope, id, kinds.Server, props, () => ({
      podSelector: selector._selector(),
      port: port.value,
      proxyProtocol: protocol.name,
      accessPolicy: accessPolicy.name,
    }));
  }
}
