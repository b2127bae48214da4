import type { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { parseIp } from '../contract/cidr.ts';
import { checkProps } from '../props/check-props.ts';
import { listOf, needed, type Shape, text } from '../props/form.ts';
import { refuse } from './checks.ts';
import { type ConnectionRouteProps, connectionRoute, connectionRouteShape } from './connection-route.ts';
import { checkedHosts } from './hostnames.ts';

export interface TlsRouteProps extends ConnectionRouteProps {
  /** Names that TLS clients ask for (SNI), from 1 to 16: `api.example`, `*.api.example` for all beneath one. */
  readonly hostnames: string[];
}

const shape: Shape<TlsRouteProps> = { ...connectionRouteShape, hostnames: needed(listOf(text)) };

/**
 * Where TLS goes that workloads speak themselves, by the name that it asks for: a TLSRoute of the Gateway API. It is not ended
 * on the way. On a port that has one everything else is refused: bytes that are no TLS, and TLS that asks for another name.
 *
 * ```ts
 * new TlsRoute(chart, 'api', { parent: RouteParent.egressNetwork('internet', 443), hostnames: ['*.api.example'] });
 * ```
 */
export class TlsRoute extends Construct {
  /** The object. */
  readonly apiObject: ApiObject;

  constructor(scope: Construct, id: string, props: TlsRouteProps) {
    checkProps(shape, props, { scope, id });
    super(scope, id);
    for (const name of checkedHosts(props.hostnames)) {
      if (parseIp(name) !== undefined) {
        refuse('hostnames', name, 'must be names: TLS clients ask for no address (RFC 6066, section 3)');
      }
    }
    this.apiObject = connectionRoute(this, 'TLSRoute', props, props.hostnames);
  }
}
