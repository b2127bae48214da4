import type { ApiObject } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { isRecord, type Manifest } from '../inject/kubernetes.ts';
import { AppView, isKind, namespaceOf } from '../workload/app-view.ts';
import { isReviewed } from '../workload/review.ts';
import { connectionProblems, isOfConnections } from './connection-review.ts';
import type { MeshService } from './mesh-service.ts';
import { entryOf, haveCommonParent, type RouteEntry, textOf } from './route-entry.ts';
import { type AnyMatch, takesAllOf } from './route-precedence.ts';
import { isMadeByWorkload, rivalsOf } from './service-of.ts';

const kindsOfRoutes = ['GRPCRoute', 'HTTPRoute', 'TLSRoute', 'TCPRoute'];
const gateway = 'gateway.networking.k8s.io';
const looks = new WeakMap<IConstruct, RoutesOfApp>();

/**
 * Has a route looked at in its app whenever that is synthesized: whether its Services are there with the ports that it names,
 * whether another route has its requests, and whether each of its rules can have any.
 */
export function reviewRoute(
  construct: IConstruct,
  object: ApiObject,
  parent: MeshService | undefined,
  backends: readonly MeshService[],
): void {
  review(construct, (routes) => {
    const namespace = namespaceOf(object.toJson());
    const services = [...(parent === undefined ? [] : [parent]), ...backends];
    return [
      ...new Set(services.flatMap((service) => routes.problemsOfService(service, namespace))),
      ...routes.problemsOfRoute(object),
    ];
  });
}

/** Has a construct looked at beside the routes of its app whenever that is synthesized. */
export function review(construct: IConstruct, problemsBeside: (routes: RoutesOfApp) => string[]): void {
  const { root } = construct.node;
  if (!looks.has(root)) {
    looks.set(root, new RoutesOfApp(root));
    // Validations run from the root down, and anew for each synth.
    root.node.addValidation({
      validate: () => {
        if (!isReviewed(root)) AppView.renew(root);
        looks.set(root, new RoutesOfApp(root));
        return [];
      },
    });
  }
  construct.node.addValidation({ validate: () => problemsBeside(looks.get(root) ?? new RoutesOfApp(root)) });
}

interface Look {
  /** By namespace and name. */
  readonly serviceAt: (key: string) => Manifest | undefined;
  /** Services that no workload has made. */
  readonly beside: readonly ApiObject[];
  readonly routes: readonly RouteEntry[];
}

/** The Services and routes of an app in one synth, as they are rendered. */
export class RoutesOfApp {
  private readonly root: IConstruct;
  private known: Look | undefined;

  constructor(root: IConstruct) {
    this.root = root;
  }

  /** What keeps a Service from being called, or from being the place where requests go. */
  problemsOfService(service: MeshService, own: string): string[] {
    const key = `${service._namespaceFor(own)}/${service.name}`;
    const object = service._object;
    const manifest = this.look.serviceAt(key);
    if (object !== undefined && (manifest === undefined || object.node.root !== this.root)) {
      return [
        `the Service ${key} must be of this app: name it by MeshService.of('${service.name}', ...) where another makes it`,
      ];
    }
    const problems: string[] = [];
    const ports = portsOf(manifest);
    if (service.port !== undefined && ports !== undefined && !ports.includes(service.port)) {
      problems.push(`the Service ${key} has no port ${service.port}: it has ${ports.join(', ')}`);
    }
    const { _implicit: workload } = service;
    const others = workload && object ? rivalsOf(workload, object, this.look.beside) : [];
    if (others.length > 0) {
      const names = others.map(({ node }) => node.path).join(', ');
      problems.push(
        `${workload?.node.path} was given a Service of its own, since it had none, and ${names} leads to it, too: make that before the route`,
      );
    }
    return problems;
  }

  /** Routes of the requests to a Service, by its namespace and name. */
  ofService(key: string): RouteEntry[] {
    const parent = `/Service/${key}/`;
    return this.look.routes.filter(
      (route) => !isOfConnections(route) && route.parents.some((each) => each.startsWith(parent)),
    );
  }

  /** What keeps a route, or rules of it, from ever having a request. */
  problemsOfRoute(object: ApiObject): string[] {
    const { routes } = this.look;
    const own = routes.find(({ construct }) => construct === object);
    if (own === undefined) return [];
    if (isOfConnections(own)) return connectionProblems(own, routes, this.look.serviceAt);
    const rivals = routes.filter((other) => other.namespace === own.namespace && haveCommonParent(own, other));
    const grpc = own.kind === 'HTTPRoute' ? rivals.find(({ kind }) => kind === 'GRPCRoute') : undefined;
    if (grpc !== undefined) {
      return [`the route never holds: ${textOf(grpc)} is of the same Service, and a Service has routes of one kind`];
    }
    const alike = rivals.filter(({ kind, hosts }) => kind === own.kind && hosts === own.hosts);
    return own.rules.flatMap((matches, index) =>
      matches.flatMap((match, at) => {
        const taker = firstTaker(alike, own, index, at, match);
        if (taker === undefined) return [];
        const what = matches.length === 1 ? `rules[${index}]` : `rules[${index}].matches[${at}]`;
        return [`${what} never has a request: ${taker} takes all of them. Make it match more, or leave it out`];
      }),
    );
  }

  private get look(): Look {
    if (this.known === undefined) {
      const view = AppView.of(this.root);
      const services = view.objects.filter((object) => isKind(object, 'v1', 'Service'));
      const routes = kindsOfRoutes.flatMap((kind) => view.ofKind(gateway, kind));
      this.known = {
        serviceAt: finder(view, services),
        beside: services.filter((service) => !isMadeByWorkload(service)),
        routes: routes.map(entryOf).sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)),
      };
    }
    return this.known;
  }
}

/**
 * Finds Services by namespace and name. Only those that are asked for are rendered, and without what the mesh makes of them when
 * the app is: that looks at all pods, and leaves ports and selectors alone.
 */
function finder(view: AppView, services: readonly ApiObject[]): Look['serviceAt'] {
  const objects = new Map(services.map((each) => [`${each.metadata.namespace ?? 'default'}/${each.name}`, each]));
  let inLists: ReadonlyMap<string, Manifest> | undefined;
  return (key) => {
    const object = objects.get(key);
    if (object !== undefined) return Object.getPrototypeOf(object).toJson.call(object);
    inLists ??= new Map(
      view
        .inLists('v1', 'Service')
        .map(({ manifest }) => [`${namespaceOf(manifest)}/${manifest.metadata?.name}`, manifest]),
    );
    return inLists.get(key);
  };
}

/** The first match that is looked at before another, and fits all that the other does. Of equals the first by name is first. */
function firstTaker(
  routes: readonly RouteEntry[],
  own: RouteEntry,
  ownRule: number,
  ownMatch: number,
  match: AnyMatch,
): string | undefined {
  let isBefore = true;
  for (const route of routes) {
    for (const [index, matches] of route.rules.entries()) {
      for (const [at, other] of matches.entries()) {
        if (route === own && index === ownRule && at === ownMatch) {
          isBefore = false;
          continue;
        }
        if (takesAllOf(other, match, isBefore)) {
          return `rules[${index}]${route === own ? '' : ` of ${textOf(route)}`}`;
        }
      }
    }
  }
  return undefined;
}

function portsOf(service: Manifest | undefined): number[] | undefined {
  const ports = service?.spec?.ports;
  return Array.isArray(ports) ? ports.map((port) => Number(isRecord(port) ? port.port : Number.NaN)) : undefined;
}
