import { ApiObject, type ApiObjectMetadata, Chart } from 'cdk8s';
import type { Construct } from 'constructs';
import { backendsAnnotation, failoverBelowAnnotation, traceSampleRateAnnotation } from '../contract/annotations.ts';
import { checkProps } from '../props/check-props.ts';
import { number } from '../props/form.ts';
import { refuse } from './checks.ts';
import type { Filter } from './filter.ts';
import { checkedHosts } from './hostnames.ts';
import type { Match } from './match.ts';
import type { Backend, MeshService } from './mesh-service.ts';
import { namedBackends, type RouteBackend, renderBackend } from './route-backend.ts';
import { parentOf, type RouteParent } from './route-parent.ts';
import { reviewRoute } from './route-review.ts';
import { renderFilters } from './rule-filters.ts';
import type { Sessions } from './sessions.ts';
import { settingAnnotations, type TrafficSettings } from './settings.ts';

/** How the requests of a rule are given to its backends. */
export class BackendOrder {
  /** Each has a share, by its weight. */
  static byWeight(): BackendOrder {
    return new BackendOrder({});
  }

  /**
   * The first has all, as long as it can carry them; then the next.
   *
   * @param below percentage of its ready endpoints under which a backend is passed over, above 0 and up to 100; one that is
   * ready will do by default.
   */
  static preferred(below?: number): BackendOrder {
    checkProps<{ below?: number }>({ below: number }, { below });
    if (below !== undefined && !(below >= 0.0001 && below <= 100)) {
      refuse('below', below, 'must be a percentage above 0 and up to 100');
    }
    const text: Record<string, string> =
      below === undefined ? {} : { [failoverBelowAnnotation]: `${Number(below.toFixed(4))}%` };
    return new BackendOrder({ [backendsAnnotation]: 'in-order', ...text });
  }

  /** @internal */
  readonly _annotations: Readonly<Record<string, string>>;

  private constructor(annotations: Readonly<Record<string, string>>) {
    this._annotations = annotations;
  }
}

/** What HttpRoute and GrpcRoute have in common. */
export interface RouteProps extends TrafficSettings {
  /**
   * Of the object. A route in the namespace of its Service holds for everybody who calls it, in another one for callers of
   * that namespace alone.
   *
   * @default - a name made of the path of the construct, in the namespace of the chart
   */
  readonly metadata?: ApiObjectMetadata;

  /** What the route is of: a Service, a workload that has one, or another `RouteParent`. */
  readonly parent: RouteParent | Backend;

  /**
   * Hosts that requests ask for, `*.shop.example` for all beneath one.
   *
   * @default - every host
   */
  readonly hostnames?: string[];

  /**
   * How requests are given to backends.
   *
   * @default BackendOrder.byWeight()
   */
  readonly order?: BackendOrder;
}

/** A rule as far as HTTP and gRPC do not differ. */
export interface RouteRule {
  /**
   * Which requests it is for: those that one of these fits.
   *
   * @default - all
   */
  readonly matches?: Match[];

  /**
   * What is done with them.
   *
   * @default - nothing
   */
  readonly filters?: Filter[];

  /**
   * Where they go.
   *
   * @default - to the Service that was called
   */
  readonly backends?: RouteBackend[];

  /**
   * How clients come back to the endpoint that has answered them.
   *
   * @default - each request goes to any endpoint
   */
  readonly sessions?: Sessions;
}

interface RouteKind<Rule extends RouteRule> {
  readonly kind: 'HTTPRoute' | 'GRPCRoute';
  readonly protocol: 'http' | 'grpc';
  readonly rules: readonly Rule[];
  readonly match: (match: Match) => object;
  /** Fields of a rule that the other kind does not have. */
  readonly more: (rule: Rule) => object;
}

/** Makes the object of a route, the child `Resource` of its construct, and has it looked at when the app is synthesized. */
export function routeObject<Rule extends RouteRule>(
  construct: Construct,
  props: RouteProps,
  { kind, protocol, rules, match, more }: RouteKind<Rule>,
): ApiObject {
  const namespace = props.metadata?.namespace ?? Chart.of(construct).namespace ?? 'default';
  const route = { protocol, namespace };
  const parent = parentOf(props.parent);
  if (rules.length === 0 || rules.length > 16) refuse('rules', rules.length, 'must be from 1 to 16');
  const all = rules.flatMap(({ matches = [] }) => matches);
  if (all.length > 128) refuse('matches', all.length, 'must not be more than 128 for one route');
  const services: MeshService[] = [];
  const rendered = rules.map((rule) => {
    const { matches = [], filters = [], sessions } = rule;
    const backends = namedBackends(rule.backends);
    // The API server takes what replaces a prefix beside one match alone.
    const hasPrefixes = protocol === 'grpc' || (matches.length <= 1 && matches.every(({ _hasPrefix }) => _hasPrefix));
    if (matches.length > 64) refuse('matches', matches.length, 'must not be more than 64 for one rule');
    const done = renderFilters(filters, route, hasPrefixes);
    if (done.some(({ type }) => type === 'RequestRedirect') && backends.length > 0) {
      refuse('backends', backends[0].to._text, 'must be left out where a filter redirects: nothing would go there');
    }
    if (backends.length > 0 && !parent._isOutbound) {
      refuse(
        'backends',
        backends[0].to._text,
        'must be left out where the parent is a Server: requests have come already',
      );
    }
    if (sessions !== undefined && !parent._isOutbound) {
      refuse('sessions', 'of a Server', 'must be left out where the parent is a Server: requests have come already');
    }
    const both = [...filters, ...backends.flatMap((backend) => backend.filters ?? [])];
    services.push(...backends.map(({ to }) => to), ...both.flatMap(({ _service }) => _service ?? []));
    return {
      ...(matches.length === 0 ? {} : { matches: matches.map(match) }),
      ...(done.length === 0 ? {} : { filters: done }),
      ...(backends.length === 0
        ? {}
        : { backendRefs: backends.map((each) => renderBackend(each, route, hasPrefixes)) }),
      ...(sessions === undefined ? {} : { sessionPersistence: sessions._spec }),
      ...more(rule),
    };
  });
  const object = new ApiObject(construct, 'Resource', {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind,
    metadata: metadataOf(props, parent, protocol),
    spec: {
      parentRefs: [parent._reference(namespace)],
      ...(props.hostnames === undefined ? {} : { hostnames: checkedHosts(props.hostnames) }),
      rules: rendered,
    },
  });
  reviewRoute(construct, object, parent._service, services);
  return object;
}

function metadataOf(props: RouteProps, parent: RouteParent, protocol: 'http' | 'grpc'): ApiObjectMetadata {
  const told = { ...settingAnnotations(props, protocol), ...props.order?._annotations };
  const [first] = Object.keys(told).filter((name) => name !== traceSampleRateAnnotation);
  if (first !== undefined && !parent._isOutbound) {
    refuse('parent', 'Server', `must be a Service: ${first} is for those who call, and a Server is of who is called`);
  }
  const annotations = { ...told, ...props.metadata?.annotations };
  return { ...props.metadata, ...(Object.keys(annotations).length === 0 ? {} : { annotations }) };
}
