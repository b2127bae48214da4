import { ApiObject, type ApiObjectMetadata, Chart } from 'cdk8s';
import type { Construct } from 'constructs';
import { instance, listOf, needed, number, propsOf, type Shape } from '../props/form.ts';
import { metadataForm } from '../props/object-forms.ts';
import { refuse } from './checks.ts';
import { type Backend, backendForm } from './mesh-service.ts';
import { namedBackends } from './route-backend.ts';
import { parentOf, type RouteParent } from './route-parent.ts';
import { reviewRoute } from './route-review.ts';
import { parentForm } from './route-shape.ts';

/** Version of the Gateway API in which a route of connections is written: the cluster's definition of it has to serve that. */
export class RouteVersion {
  /** The one of the standard channel: TLSRoutes have it since release 1.5, TCPRoutes since 1.6. */
  static v1(): RouteVersion {
    return new RouteVersion('v1');
  }

  /** The one of older releases, whose experimental channel alone has these kinds. */
  static v1alpha2(): RouteVersion {
    return new RouteVersion('v1alpha2');
  }

  /** As `apiVersion` has it. */
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }
}

/** One of the places where connections go. */
export interface ConnectionBackend {
  /** The Service, or the workload that has one. */
  readonly service: Backend;

  /**
   * Its part of the connections, in relation to the sum of all weights. With 0 it has none.
   *
   * @default 1
   */
  readonly weight?: number;
}

/** What TcpRoute and TlsRoute have in common. */
export interface ConnectionRouteProps {
  /**
   * Of the object. A route in the namespace of its Service holds for everybody who calls it, in another one for callers of
   * that namespace alone.
   *
   * @default - a name made of the path of the construct, in the namespace of the chart
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * What the route is of: a Service with its port, a workload that has one, or `RouteParent.egressNetwork` for what leaves the
   * cluster.
   */
  readonly parent: RouteParent | Backend;

  /**
   * Where connections go, up to 16.
   *
   * @default - to what was called
   */
  readonly backends?: ConnectionBackend[];

  /**
   * Version of the Gateway API that the route is written in.
   *
   * @default RouteVersion.v1()
   */
  readonly version?: RouteVersion;
}

const connectionBackend: Shape<ConnectionBackend> = { service: needed(backendForm), weight: number };

/** What TcpRoute and TlsRoute have in common. */
export const connectionRouteShape: Shape<ConnectionRouteProps> = {
  metadata: metadataForm,
  parent: needed(parentForm),
  backends: listOf(propsOf(connectionBackend)),
  version: instance(() => RouteVersion),
};

/** Makes the object of a route of connections, and has it looked at when the app is synthesized. */
export function connectionRoute(
  construct: Construct,
  kind: 'TCPRoute' | 'TLSRoute',
  { metadata, parent: of, backends, version = RouteVersion.v1() }: ConnectionRouteProps,
  hostnames: readonly string[],
): ApiObject {
  const namespace = metadata?.namespace ?? Chart.of(construct).namespace ?? 'default';
  const parent = parentOf(of);
  if (!parent._isOutbound)
    refuse('parent', 'Server', 'must be a Service or an EgressNetwork: who calls keeps the route');
  if (backends?.length === 0) refuse('backends', '', 'must be one at least: leave it out for what was called');
  const places = namedBackends(backends);
  const object = new ApiObject(construct, 'Resource', {
    apiVersion: `gateway.networking.k8s.io/${version.name}`,
    kind,
    metadata,
    spec: {
      parentRefs: [parent._reference(namespace)],
      ...(hostnames.length === 0 ? {} : { hostnames }),
      rules: [
        {
          backendRefs:
            places.length === 0
              ? [parent._itself(namespace)]
              : places.map(({ to, weight }) => ({
                  ...to._reference(namespace),
                  ...(weight === undefined ? {} : { weight }),
                })),
        },
      ],
    },
  });
  reviewRoute(
    construct,
    object,
    parent._service,
    places.map(({ to }) => to),
  );
  return object;
}
