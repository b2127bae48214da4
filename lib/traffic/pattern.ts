import type { ApiObject, ApiObjectMetadata } from 'cdk8s';
import { Construct } from 'constructs';
import { instance, type Shape } from '../props/form.ts';
import { metadataForm } from '../props/object-forms.ts';
import { GrpcRoute } from './grpc-route.ts';
import { HttpRoute } from './http-route.ts';
import type { Backend } from './mesh-service.ts';
import { BackendOrder, type RouteRule } from './route-object.ts';
import type { RouteParent } from './route-parent.ts';
import type { TrafficSettings } from './settings.ts';
import { settingsShape } from './settings-shape.ts';

/** What is spoken to a Service, and so which kind of route it has: a Service has routes of one kind. */
export class RouteProtocol {
  /** HTTP, by an HTTPRoute. */
  static http(): RouteProtocol {
    return new RouteProtocol('http');
  }

  /** gRPC, by a GRPCRoute. */
  static grpc(): RouteProtocol {
    return new RouteProtocol('grpc');
  }

  /** @internal */
  readonly _name: 'http' | 'grpc';

  private constructor(name: 'http' | 'grpc') {
    this._name = name;
  }
}

/** What the patterns of traffic have in common: each is one route. */
export interface PatternProps extends TrafficSettings {
  /**
   * Of the route's object.
   *
   * @default - a name made of the path of the construct, in the namespace of the chart
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * What the requests speak: the kind of route that is made.
   *
   * @default RouteProtocol.http()
   */
  readonly protocol?: RouteProtocol;
}

/** What all patterns take. */
export const patternShape: Shape<PatternProps> = {
  ...settingsShape,
  metadata: metadataForm,
  protocol: instance(() => RouteProtocol),
};

/** A pattern of traffic: a route whose rules it writes. */
export abstract class RoutePattern extends Construct {
  /** The route. Its id is `Default`, so that the pattern has its name. */
  readonly route: HttpRoute | GrpcRoute;

  /** @internal */
  constructor(
    scope: Construct,
    id: string,
    props: PatternProps,
    parent: RouteParent | Backend,
    rules: RouteRule[],
    order = BackendOrder.byWeight(),
  ) {
    super(scope, id);
    const { metadata, protocol = RouteProtocol.http(), retries, timeouts, hedging, traceSampleRate } = props;
    const whole = { metadata, parent, rules, order, retries, timeouts, hedging, traceSampleRate };
    this.route =
      protocol._name === 'http' ? new HttpRoute(this, 'Default', whole) : new GrpcRoute(this, 'Default', whole);
  }

  /** The route's object. */
  get apiObject(): ApiObject {
    return this.route.apiObject;
  }
}
