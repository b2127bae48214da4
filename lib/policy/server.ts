import type { Construct, IConstruct } from 'constructs';
import { kinds } from '../kinds/index.ts';
import { checkProps } from '../props/check-props.ts';
import { either, instance, needed, type Shape } from '../props/form.ts';
import { constructForm } from '../props/object-forms.ts';
import { InboundPolicy } from '../workload/inbound-policy.ts';
import { PodSelector } from './pod-selector.ts';
import { PolicyObject, type PolicyObjectProps, policyShape } from './policy-object.ts';
import { Port } from './port.ts';
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

const shape: Shape<ServerProps> = {
  ...policyShape,
  pods: needed(
    either(
      instance(() => PodSelector),
      constructForm,
    ),
  ),
  port: needed(instance(() => Port)),
  protocol: instance(() => ProxyProtocol),
  accessPolicy: instance(() => InboundPolicy),
};

/** A port of some pods: what says who may call, and which requests are taken, is about one. */
export class Server extends PolicyObject {
  constructor(scope: Construct, id: string, props: ServerProps) {
    checkProps(shape, props, { scope, id });
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
