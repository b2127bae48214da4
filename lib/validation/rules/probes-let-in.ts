import { AdmittedClients } from '../admitted-clients.ts';
import type { Rule } from '../finding.ts';
import type { GuardedPort } from '../guarded-workload.ts';
import type { KubeletRequest } from '../kubelet-requests.ts';
import { type Entry, type ManifestModel, objectsOf } from '../manifest-model.ts';
import { servedWorkloads, serversOfPort } from '../server-places.ts';
import { TokenPorts } from '../token-ports.ts';

/**
 * What the kubelet asks comes without an identity. Probes by HTTP are let in where the proxy knows requests and nobody has
 * written routes for the port; a port that is shut to others refuses all else: the pods never get ready, a `postStart`
 * hook that fails has its container begin anew, and one of `preStop` is passed over. In explicit mode none of it comes to
 * the sidecar.
 */
export const probesLetIn: Rule = {
  id: 'probe-shut-out',
  *check<E extends Entry>(model: ManifestModel<E>) {
    const admitted = new AdmittedClients(model);
    const tokens = new TokenPorts(model);
    const routes = routesOfServers(model);
    for (const served of servedWorkloads(model)) {
      if (!served.entry.isMeshed || served.isExplicit) continue;
      for (const port of served.workload.ports) {
        if (port.skipped || port.asked.length === 0) continue;
        const [server] = serversOfPort(served, port);
        const clients = server === undefined ? admitted.ofDefault(port.policy) : admitted.ofServer(server);
        const own = server === undefined ? [] : (routes.get(`${server.namespace}/${server.name}`) ?? []);
        const door: Door = {
          port,
          protocol: server?.object.spec.proxyProtocol ?? (server === undefined && port.opaque ? 'opaque' : 'unknown'),
          routes: own,
          isOpen: clients.anonymous || (server !== undefined && admitted.ofRoutes(server.namespace, own).anonymous),
          wantsToken: server !== undefined && tokens.wantedBy(server),
        };
        for (const { message, fix } of refusals(door)) {
          yield { ...{ severity: 'error' as const, at: served.entry as E, field: '' }, message, fix };
        }
      }
    }
  },
};

interface Refusal {
  readonly message: string;
  readonly fix: string;
}

interface Route {
  readonly kind: string;
  readonly name: string;
}

/** A port, as the kubelet finds it. */
interface Door {
  readonly port: GuardedPort;
  readonly protocol: string;
  readonly routes: readonly Route[];
  /** To clients without an identity, from some network at least. */
  readonly isOpen: boolean;
  readonly wantsToken: boolean;
}

/** Why what the kubelet asks is refused, each kind of it once. */
function* refusals(door: Door): Iterable<Refusal> {
  const { port } = door;
  const isAsked = ({ purpose, speaks }: Pick<KubeletRequest, 'purpose' | 'speaks'>) =>
    port.asked.some((one) => one.purpose === purpose && one.speaks === speaks);
  const probedBy = (speaks: KubeletRequest['speaks']) => isAsked({ purpose: 'probe', speaks });
  const http = probedBy('HTTP') && !door.isOpen ? httpRefusal(door) : undefined;
  if (http !== undefined) yield http;
  if (probedBy('HTTPS')) yield* tlsRefusal(door);
  if (probedBy('gRPC') && !door.isOpen) {
    yield {
      message: `port ${port.number} has a gRPC probe, which comes without an identity and is refused`,
      fix: `probe it by HTTP or TCP, ${orOpen(door)}`,
    };
  } else if (probedBy('gRPC') && door.wantsToken) {
    yield {
      message: `port ${port.number} has a gRPC probe, which comes without a token and is refused`,
      fix: 'probe it by HTTP or TCP, or ask for tokens at the other ports alone',
    };
  }
  for (const purpose of ['postStart', 'preStop'] as const) yield* hookRefusal(door, purpose);
}

const orOpen = ({ port: { number } }: Door): string =>
  `or let the networks of the nodes in (allowUnmeshed(${number}), or a policy that asks for a NetworkAuthentication alone)`;

/** Undefined where the route lets it in that the control plane makes of the paths of probes. */
function httpRefusal(door: Door): Refusal | undefined {
  const { port, protocol, routes } = door;
  const { number } = port;
  if (protocol === 'opaque') {
    return {
      message: `port ${number} is opaque, so that the kubelet's HTTP probe of it cannot be told from other callers, and is refused`,
      fix: `probe another port, take it out of the opaque ones, ${orOpen(door)}`,
    };
  }
  if (protocol === 'TLS' || protocol === 'gRPC') {
    return {
      message: `port ${number} is one of ${protocol}, where the kubelet's HTTP probe of it is refused like any caller without an identity`,
      fix: `probe another port, correct proxyProtocol, ${orOpen(door)}`,
    };
  }
  if (routes.length === 0) return undefined;
  const { kind, name } = routes[0];
  return {
    message: `port ${number} has an HTTP probe, which is refused since a route is written for the port (${kind} ${name})`,
    fix: 'write one for the path of the probe too, with a policy that asks for a NetworkAuthentication alone',
  };
}

/** A sidecar does not look into TLS of the application: what is in it is no request to it, and has no path. */
function* tlsRefusal(door: Door): Iterable<Refusal> {
  const { port, protocol, isOpen, wantsToken } = door;
  const probe = `port ${port.number} has an HTTPS probe`;
  if (['HTTP/1', 'HTTP/2', 'gRPC'].includes(protocol)) {
    yield {
      message: `${probe}, and is said to be one of ${protocol}: the TLS of the kubelet is refused as a bad request`,
      fix: 'correct proxyProtocol (unknown, or TLS where all is), or probe it in plain text',
    };
  } else if (!isOpen) {
    yield {
      message: `${probe}, in which the sidecar sees no request but bytes of a caller without an identity, and refuses them`,
      fix: `probe it by a command or TCP, ${orOpen(door)}`,
    };
  } else if (wantsToken) {
    yield {
      message: `${probe}, in which the sidecar sees bytes that bring no token, and refuses them`,
      fix: 'probe it by a command or TCP, or ask for tokens at the other ports alone',
    };
  }
}

const consequence = {
  postStart: 'so that the container is ended and begins anew',
  preStop: 'so that the container is ended without it',
};

/** A hook is no probe, so that no route is made for it: who may stop an application is not everybody. */
function* hookRefusal(door: Door, purpose: 'postStart' | 'preStop'): Iterable<Refusal> {
  const { port, isOpen, wantsToken } = door;
  const probed = new Set(
    port.asked.filter((one) => one.purpose === 'probe' && one.speaks === 'HTTP').map(({ path }) => path),
  );
  const isProbesRoute = httpRefusal(door) === undefined;
  const refused = port.asked.find(
    (one) =>
      one.purpose === purpose &&
      (!isOpen || wantsToken) &&
      !(one.speaks === 'HTTP' && isProbesRoute && probed.has(one.path)),
  );
  if (refused === undefined) return;
  yield {
    message: `port ${port.number} has the ${purpose} hook ${refused.path}, which comes from the kubelet without ${isOpen ? 'a token' : 'an identity'} and is refused, ${consequence[purpose]}`,
    fix: `make it a command (exec), which calls the application within the pod, or have it ask a port that is open to the kubelet`,
  };
}

/** Routes of requests that come in, by the Servers that they hang on. */
function routesOfServers(model: ManifestModel): ReadonlyMap<string, readonly Route[]> {
  const found = new Map<string, Route[]>();
  for (const { object, namespace, name } of [
    ...objectsOf(model, 'PolicyHTTPRoute'),
    ...objectsOf(model, 'HTTPRoute'),
    ...objectsOf(model, 'GRPCRoute'),
  ]) {
    for (const parent of object.spec.parentRefs ?? []) {
      if (parent.kind !== 'Server') continue;
      const key = `${namespace}/${parent.name}`;
      found.set(key, [...(found.get(key) ?? []), { kind: object.kind, name }]);
    }
  }
  return found;
}
