import type { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { type RouteProps, type RouteRule, routeObject } from './route-object.ts';

export interface GrpcRouteProps extends RouteProps {
  /** From 1 to 16. A call that none of them fits ends as `UNIMPLEMENTED`. */
  readonly rules: RouteRule[];
}

/** Where calls of gRPC go, by service and method: a GRPCRoute of the Gateway API. Its rules have no timeouts of their own. */
export class GrpcRoute extends Construct {
  /** The object. */
  readonly apiObject: ApiObject;

  constructor(scope: Construct, id: string, props: GrpcRouteProps) {
    super(scope, id);
    this.apiObject = routeObject(this, props, {
      kind: 'GRPCRoute',
      protocol: 'grpc',
      rules: props.rules,
      match: (match) => match._grpc(),
      more: () => ({}),
    });
  }
}
