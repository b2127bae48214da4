import type { ApiObject, Duration } from 'cdk8s';
import { Construct } from 'constructs';
import { checkProps } from '../props/check-props.ts';
import { duration, listOf, needed, propsOf, type Shape } from '../props/form.ts';
import { filled, refuse, routeDuration } from './checks.ts';
import { type RouteProps, type RouteRule, routeObject } from './route-object.ts';
import { routeShape, ruleShape } from './route-shape.ts';

export interface RuleTimeouts {
  /**
   * Of a request with all of its tries.
   *
   * @default - that of the route
   */
  readonly request?: Duration;

  /**
   * Of each try.
   *
   * @default - no limit of its own
   */
  readonly backendRequest?: Duration;
}

export interface HttpRouteRule extends RouteRule {
  /**
   * How long requests of the rule may take.
   *
   * @default - those of the route
   */
  readonly timeouts?: RuleTimeouts;
}

export interface HttpRouteProps extends RouteProps {
  /** From 1 to 16. A request that none of them fits is answered with 404. */
  readonly rules: HttpRouteRule[];
}

const timeouts: Shape<RuleTimeouts> = { request: duration, backendRequest: duration };
const rule: Shape<HttpRouteRule> = { ...ruleShape, timeouts: propsOf(timeouts) };
const shape: Shape<HttpRouteProps> = { ...routeShape, rules: needed(listOf(propsOf(rule))) };

/**
 * Where requests go, and what is done with them on the way: an HTTPRoute of the Gateway API.
 *
 * ```ts
 * new HttpRoute(chart, 'orders', {
 *   parent: orders,
 *   rules: [{ matches: [Match.pathPrefix('/v2')], backends: [{ service: ordersNext }] }, {}],
 * });
 * ```
 */
export class HttpRoute extends Construct {
  /** The object. */
  readonly apiObject: ApiObject;

  constructor(scope: Construct, id: string, props: HttpRouteProps) {
    checkProps(shape, props, { scope, id });
    super(scope, id);
    this.apiObject = routeObject(this, props, {
      kind: 'HTTPRoute',
      protocol: 'http',
      rules: props.rules,
      match: (match) => match._http(),
      more: ({ timeouts }) => (timeouts === undefined ? {} : { timeouts: renderTimeouts(timeouts) }),
    });
  }
}

function renderTimeouts({ request, backendRequest }: RuleTimeouts): object {
  const all = request?.toMilliseconds({ integral: false });
  const each = backendRequest?.toMilliseconds({ integral: false });
  if (all !== undefined && each !== undefined && each > all) {
    refuse('backendRequest', `${each} ms`, `must not be longer than 'request' (${all} ms), which all tries share`);
  }
  return filled({
    request: request && routeDuration('request', request),
    backendRequest: backendRequest && routeDuration('backendRequest', backendRequest),
  });
}
