import type { Construct } from 'constructs';
import { kinds } from '../kinds/index.ts';
import { checkProps } from '../props/check-props.ts';
import { needed, type Shape } from '../props/form.ts';
import { type Network, networksForm, networksOf } from './network.ts';
import { PolicyObject, type PolicyObjectProps, policyShape } from './policy-object.ts';

export interface NetworkAuthenticationProps extends PolicyObjectProps {
  /** Where clients call from: any of these. */
  readonly networks: (Network | string)[];
}

const shape: Shape<NetworkAuthenticationProps> = {
  ...policyShape,
  networks: needed(networksForm),
};

/** Clients by the addresses that they call from, with or without an identity. */
export class NetworkAuthentication extends PolicyObject {
  constructor(scope: Construct, id: string, props: NetworkAuthenticationProps) {
    checkProps(shape, props, { scope, id });
    const networks = networksOf(props.networks);
    if (networks.length === 0) throw new Error("'networks' () must name one: Network.everywhere() is every address");
    super(scope, id, kinds.NetworkAuthentication, props, () => ({ networks }));
  }
}
