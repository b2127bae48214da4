import { isRecord, type Manifest } from '../inject/kubernetes.ts';
import { type RouteEntry, textOf } from './route-entry.ts';

/** What tells more of a connection holds before what tells less of it. */
const precedence = ['TCPRoute', 'TLSRoute', 'HTTPRoute', 'GRPCRoute'];

/** Whether it is of connections, and not of requests. */
export const isOfConnections = ({ kind }: RouteEntry): boolean => kind === 'TCPRoute' || kind === 'TLSRoute';

/** What keeps a route of connections, or a name of it, from ever having one. `routes` are in the order of their names. */
export function connectionProblems(
  own: RouteEntry,
  routes: readonly RouteEntry[],
  serviceAt: (key: string) => Manifest | undefined,
): string[] {
  const rivals = routes.filter((other) => other.namespace === own.namespace && other !== own && holdsFor(other, own));
  const stronger = rivals.find(({ kind }) => precedence.indexOf(kind) > precedence.indexOf(own.kind));
  if (stronger !== undefined) {
    return [`the route never holds: ${textOf(stronger)} is of the same port, and comes before a ${own.kind}`];
  }
  const spoken = own.parents.flatMap((parent) => protocolProblem(own, parent, serviceAt));
  if (spoken.length > 0) return spoken;
  const before = rivals
    .filter(({ kind }) => kind === own.kind)
    .filter((other) => routes.indexOf(other) < routes.indexOf(own));
  if (own.kind === 'TCPRoute') {
    return before
      .slice(0, 1)
      .map((other) => `the route never holds: ${textOf(other)} has all connections of the port. Write one route`);
  }
  return own.hosts.split(' ').flatMap((host) => {
    const other = before.find(({ hosts }) => hosts.split(' ').includes(host));
    return other === undefined
      ? []
      : [`hostnames: '${host}' never has a connection: ${textOf(other)} takes all of them. Leave it out`];
  });
}

/** Whether a route is of every port of the parents that another one is of. */
const holdsFor = (route: RouteEntry, other: RouteEntry): boolean =>
  other.parents.length > 0 &&
  other.parents.every((parent) =>
    route.parents.some((one) => one === parent || one === parent.replace(/\/[^/]*$/, '/*')),
  );

/** A port that says what it speaks is taken at its word, whatever routes it has. */
function protocolProblem(
  { kind }: RouteEntry,
  parent: string,
  serviceAt: (key: string) => Manifest | undefined,
): string[] {
  const [, parentKind, namespace, name, port] = parent.split('/');
  if (parentKind !== 'Service') return [];
  const key = `${namespace}/${name}`;
  const ports = serviceAt(key)?.spec?.ports;
  const found = Array.isArray(ports) ? ports.find((each) => isRecord(each) && String(each.port) === port) : undefined;
  const spoken = isRecord(found) && typeof found.appProtocol === 'string' ? found.appProtocol : undefined;
  if (spoken === undefined || (kind === 'TCPRoute' && spoken !== 'http' && spoken !== 'kubernetes.io/h2c')) return [];
  return [
    `the route never holds: port ${port} of the Service ${key} says what it speaks, appProtocol '${spoken}', which is no ${kind}'s. Leave that out`,
  ];
}
