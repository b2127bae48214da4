import type { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { checkProps } from '../props/check-props.ts';
import type { Shape } from '../props/form.ts';
import { type ConnectionRouteProps, connectionRoute, connectionRouteShape } from './connection-route.ts';

export interface TcpRouteProps extends ConnectionRouteProps {}

const shape: Shape<TcpRouteProps> = connectionRouteShape;

/**
 * Where the connections of a port go, whatever they speak: a TCPRoute of the Gateway API. A port has one of them, and none
 * holds beside a route that tells more of a connection (GrpcRoute, HttpRoute, TlsRoute).
 *
 * ```ts
 * new TcpRoute(chart, 'ledger', { parent: ledger, backends: [{ service: ledger, weight: 9 }, { service: next, weight: 1 }] });
 * ```
 */
export class TcpRoute extends Construct {
  /** The object. */
  readonly apiObject: ApiObject;

  constructor(scope: Construct, id: string, props: TcpRouteProps) {
    checkProps(shape, props, { scope, id });
    super(scope, id);
    this.apiObject = connectionRoute(this, 'TCPRoute', props, []);
  }
}
