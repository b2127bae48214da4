import { ApiObject, type ApiObjectMetadata, Chart, type Duration } from 'cdk8s';
import { Construct } from 'constructs';
import { kinds } from '../kinds/index.ts';
import type { ProfileRoute as RouteFields } from '../kinds/service-profile.ts';
import { installationOf } from '../mesh/installation.ts';
import { checkedSpec } from '../policy/policy-object.ts';
import { checkProps } from '../props/check-props.ts';
import { duration, instance, listOf, mapOf, needed, number, propsOf, type Shape, text } from '../props/form.ts';
import { domainForm, metadataForm } from '../props/object-forms.ts';
import { ApiDescription } from './api-description.ts';
import { refuse, whole } from './checks.ts';
import { type Backend, backendForm, backendOf, MeshService } from './mesh-service.ts';
import { reviewProfile } from './profile-review.ts';
import {
  goDuration,
  type ProfileRoute,
  type ProfileRouteSettings,
  profileRoute,
  renderRoutes,
  routeSettings,
  settled,
} from './profile-route.ts';

/** How many requests may be tried again. */
export interface RetryBudget {
  /**
   * Tries beyond the first for each request, from 0 to 1,000.
   *
   * @default 0.2
   */
  readonly retryRatio?: number;

  /**
   * What may be tried again each second however few requests there are.
   *
   * @default 10
   */
  readonly minRetriesPerSecond?: number;

  /**
   * For how long a request counts, from 100 milliseconds to 10 minutes.
   *
   * @default Duration.seconds(10)
   */
  readonly ttl?: Duration;
}

/** One of the places where requests go in place of the Service. */
export interface ProfileDestination {
  /** The Service, or the workload that has one. */
  readonly service: Backend;

  /** Its part of the requests, in relation to the sum of all weights, from 0 to 400,000. */
  readonly weight: number;
}

/** What every ServiceProfile takes. */
export interface ProfileOptions {
  /** What is called. */
  readonly service: Backend;

  /**
   * Of the object; its name is that of the Service. In the namespace of the Service it holds for everybody who calls that, in
   * another one for callers of that namespace, whoever else has one.
   *
   * @default - in the namespace of the Service
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * Domain of the cluster, which the object's name ends with.
   *
   * @default - that of the app's mesh
   */
  readonly clusterDomain?: string;

  /**
   * How many requests may be tried again, as a share of all.
   *
   * @default - one request in five, and ten a second
   */
  readonly retryBudget?: RetryBudget;

  /**
   * Where requests go.
   *
   * @default - to the Service
   */
  readonly dstOverrides?: ProfileDestination[];
}

export interface ServiceProfileProps extends ProfileOptions {
  /**
   * The first that fits a request holds; what fits none is counted as the rest.
   *
   * @default - none
   */
  readonly routes?: ProfileRoute[];
}

export interface DescribedProfileProps extends ProfileOptions {
  /** What the routes are made of. */
  readonly description: ApiDescription;

  /**
   * What is said of routes beyond their description, by their names: `{ PlaceOrder: { isRetryable: true } }`.
   *
   * @default - nothing
   */
  readonly settings?: Readonly<Record<string, ProfileRouteSettings>>;
}

export interface OpenApiProfileProps extends DescribedProfileProps {
  /**
   * Path under which the Service has all that the document describes.
   *
   * @default - `basePath` of a document of Swagger 2.0; none of OpenAPI 3, whose servers are for clients outside
   */
  readonly basePath?: string;
}

const destinationShape: Shape<ProfileDestination> = { service: needed(backendForm), weight: needed(number) };
const budget: Shape<RetryBudget> = { retryRatio: number, minRetriesPerSecond: number, ttl: duration };
const options: Shape<ProfileOptions> = {
  service: needed(backendForm),
  metadata: metadataForm,
  clusterDomain: domainForm,
  retryBudget: propsOf(budget),
  dstOverrides: listOf(propsOf(destinationShape)),
};
const shape: Shape<ServiceProfileProps> = { ...options, routes: listOf(propsOf(profileRoute)) };
const describedShape: Shape<DescribedProfileProps> = {
  ...options,
  description: needed(instance(() => ApiDescription)),
  settings: mapOf(propsOf(routeSettings)),
};
const openApiShape: Shape<OpenApiProfileProps> = { ...describedShape, basePath: text };

/**
 * Routes of a Service by which its requests are counted, tried again and ended in time: a ServiceProfile of Linkerd. Where a
 * Service has one, no HttpRoute or GrpcRoute of it holds. These can say more: a profile is for what is described already.
 *
 * ```ts
 * ServiceProfile.fromOpenApi(chart, 'orders-profile', { service: orders, description: ApiDescription.file('orders.yaml') });
 * ```
 */
export class ServiceProfile extends Construct {
  /**
   * One route for each operation of an OpenAPI document (3.x, or Swagger 2.0), with `x-linkerd-retryable` and
   * `x-linkerd-timeout` of it. Throws for what cannot be read.
   */
  static fromOpenApi(scope: Construct, id: string, props: OpenApiProfileProps): ServiceProfile {
    checkProps(openApiShape, props, { scope, id });
    const { description, basePath, settings = {} } = props;
    return new ServiceProfile(scope, id, props, settled(description._openApiRoutes({ basePath }), settings));
  }

  /** One route for each method of the services of a .proto file, by its name. Throws for what cannot be read. */
  static fromProto(scope: Construct, id: string, props: DescribedProfileProps): ServiceProfile {
    checkProps(describedShape, props, { scope, id });
    return new ServiceProfile(scope, id, props, settled(props.description._protoRoutes(), props.settings ?? {}));
  }

  /** The object. */
  readonly apiObject: ApiObject;

  constructor(scope: Construct, id: string, props: ServiceProfileProps);
  /** @internal */
  constructor(scope: Construct, id: string, props: ProfileOptions, described: readonly RouteFields[]);
  constructor(scope: Construct, id: string, props: ServiceProfileProps, described?: readonly RouteFields[]) {
    if (described === undefined) checkProps(shape, props, { scope, id });
    super(scope, id);
    const { metadata, retryBudget, dstOverrides } = props;
    const routes = described ?? renderRoutes(props.routes ?? []);
    const service = MeshService._of('service', props.service);
    const { name, namespace = Chart.of(this).namespace ?? 'default' } = metadata ?? {};
    const domain = props.clusterDomain ?? installationOf(this).clusterDomain;
    const own = `${service.name}.${service._namespaceFor(namespace)}.svc.${domain}`;
    if (name !== undefined && name !== own) refuse('name', name, `must be left out: a profile has the name ${own}`);
    if (own.length > 253) refuse('service', own, 'must have a name of at most 253 characters, domain included');
    const destinations = dstOverrides?.map((each) => destination(each, namespace, domain));
    if (dstOverrides !== undefined && !dstOverrides.some(({ weight }) => weight > 0)) {
      refuse('dstOverrides', dstOverrides.length, 'must have one with a weight above 0: these take no requests');
    }
    const spec = {
      routes,
      ...(retryBudget === undefined ? {} : { retryBudget: renderBudget(retryBudget) }),
      ...(destinations === undefined ? {} : { dstOverrides: destinations.map(({ fields }) => fields) }),
    };
    if (routes.length === 0 && destinations === undefined) {
      refuse('routes', '', 'must be one at least, or dstOverrides must be given: the profile would say nothing');
    }
    this.apiObject = new ApiObject(this, 'Resource', {
      apiVersion: 'linkerd.io/v1alpha2',
      kind: 'ServiceProfile',
      metadata: { ...metadata, name: own, namespace: metadata?.namespace ?? service.namespace },
      spec: checkedSpec(kinds.ServiceProfile, spec),
    } as ConstructorParameters<typeof ApiObject>[2]);
    reviewProfile(this, this.apiObject, service, destinations?.map(({ to }) => to) ?? [], domain, props.clusterDomain);
  }
}

function destination({ service, weight }: ProfileDestination, namespace: string, domain: string) {
  whole('weight', weight, 0, 400_000);
  const to = backendOf('service', service);
  const authority = `${to.name}.${to._namespaceFor(namespace)}.svc.${domain}:${to.port}`;
  return { to, fields: { authority, weight } };
}

function renderBudget({ retryRatio = 0.2, minRetriesPerSecond = 10, ttl }: RetryBudget): object {
  if (!(retryRatio >= 0 && retryRatio <= 1000)) refuse('retryRatio', retryRatio, 'must be a number from 0 to 1000');
  whole('minRetriesPerSecond', minRetriesPerSecond, 0, 1_000_000);
  const text = ttl === undefined ? '10s' : goDuration('ttl', ttl);
  const ms = ttl?.toMilliseconds({ integral: false }) ?? 10_000;
  if (ms < 100 || ms > 600_000) refuse('ttl', text, 'must be from 100 milliseconds to 10 minutes');
  return { retryRatio, minRetriesPerSecond, ttl: text };
}
