import type { Construct } from 'constructs';
import { kinds } from '../kinds/index.ts';
import { checkProps } from '../props/check-props.ts';
import { instance, needed, type Shape } from '../props/form.ts';
import { type Network, networksForm, networksOf } from './network.ts';
import { PolicyObject, type PolicyObjectProps, policyShape } from './policy-object.ts';

/** What becomes of calls that no route of an EgressPolicy speaks of. */
export class EgressTraffic {
  /** They go where they are meant to. */
  static allow(): EgressTraffic {
    return new EgressTraffic('Allow');
  }

  /** They are refused. */
  static deny(): EgressTraffic {
    return new EgressTraffic('Deny');
  }

  /** As an EgressNetwork has it. */
  readonly name: 'Allow' | 'Deny';

  private constructor(name: 'Allow' | 'Deny') {
    this.name = name;
  }
}

export interface EgressPolicyProps extends PolicyObjectProps {
  /** What becomes of calls that no route speaks of. */
  readonly traffic: EgressTraffic;

  /**
   * Networks that it is about.
   *
   * @default - every address outside of the cluster
   */
  readonly networks?: (Network | string)[];
}

const shape: Shape<EgressPolicyProps> = {
  ...policyShape,
  traffic: needed(instance(() => EgressTraffic)),
  networks: networksForm,
};

/**
 * Calls of the meshed workloads of its namespace to what lies outside of the cluster (an EgressNetwork). Routes whose parent it
 * is let some of them go.
 */
export class EgressPolicy extends PolicyObject {
  constructor(scope: Construct, id: string, props: EgressPolicyProps) {
    checkProps(shape, props, { scope, id });
    const networks = props.networks && networksOf(props.networks);
    if (networks?.length === 0)
      throw new Error("'networks' () must name one: leave it out for all outside of the cluster");
    super(scope, id, kinds.EgressNetwork, props, () => ({
      trafficPolicy: props.traffic.name,
      ...(networks === undefined ? {} : { networks }),
    }));
  }
}
