import type { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { checkProps } from '../props/check-props.ts';
import { listOf, needed, propsOf, type Shape } from '../props/form.ts';
import { type RouteProps, type RouteRule, routeObject } from './route-object.ts';
import { routeShape, ruleShape } from './route-shape.ts';

export interface GrpcRouteProps extends RouteProps {
  /** From 1 to 16. A call that none of them fits ends as `UNIMPLEMENTED`. */
  readonly rules: RouteRule[];
}

const shape: Shape<GrpcRouteProps> = { ...routeShape, rules: needed(listOf(propsOf(ruleShape))) };

/** Where calls of gRPC go, by service and method: a GRPCRoute of the Gateway API. Its rules have no timeouts of their own. */
export class GrpcRoute extends Construct {
  /** The object. */
  readonly apiObject: ApiObject;

  constructor(scope: Construct, id: string, props: GrpcRouteProps) {
    checkProps(shape, props, { scope, id });
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
