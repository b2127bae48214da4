import type { Server } from '../../kinds/server.ts';
import { AdmittedClients } from '../admitted-clients.ts';
import type { Rule } from '../finding.ts';
import type { GuardedPort } from '../guarded-workload.ts';
import { type Entry, type KnownObject, type ManifestModel, objectsOf } from '../manifest-model.ts';
import { servedWorkloads, serversOfPort } from '../server-places.ts';

/**
 * Probes of the kubelet come without an identity. Those by HTTP are let in where the proxy knows requests and nobody has
 * written routes for the port; a port that is shut to others refuses all other ones, and the pods never get ready.
 */
export const probesLetIn: Rule = {
  id: 'probe-shut-out',
  *check<E extends Entry>(model: ManifestModel<E>) {
    const admitted = new AdmittedClients(model);
    const routes = routesOfServers(model);
    for (const served of servedWorkloads(model)) {
      if (!served.entry.isMeshed) continue;
      for (const port of served.workload.ports) {
        if (port.skipped || !(port.httpProbe || port.grpcProbe)) continue;
        const [server] = serversOfPort(served, port);
        const clients = server === undefined ? admitted.ofDefault(port.policy) : admitted.ofServer(server);
        if (clients.anonymous) continue;
        const own = server === undefined ? [] : (routes.get(`${server.namespace}/${server.name}`) ?? []);
        const why =
          server !== undefined && admitted.ofRoutes(server.namespace, own).anonymous
            ? []
            : whyRefused(port, server, own);
        for (const { message, fix } of why) {
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

function* whyRefused(
  port: GuardedPort,
  server: KnownObject<Entry, Server> | undefined,
  routes: readonly Route[],
): Iterable<Refusal> {
  const { number } = port;
  const open = `or let the networks of the nodes in (allowUnmeshed(${number}), or a policy that asks for a NetworkAuthentication alone)`;
  const declared = server === undefined && port.opaque ? 'opaque' : 'unknown';
  const protocol = server?.object.spec.proxyProtocol ?? declared;
  if (port.httpProbe && protocol === 'opaque') {
    yield {
      message: `port ${number} is opaque, so that the kubelet's HTTP probe of it cannot be told from other callers, and is refused`,
      fix: `probe another port, take it out of the opaque ones, ${open}`,
    };
  } else if (port.httpProbe && (protocol === 'TLS' || protocol === 'gRPC')) {
    yield {
      message: `port ${number} is one of ${protocol}, where the kubelet's HTTP probe of it is refused like any caller without an identity`,
      fix: `probe another port, correct proxyProtocol, ${open}`,
    };
  } else if (port.httpProbe && routes.length > 0) {
    const { kind, name } = routes[0];
    yield {
      message: `port ${number} has an HTTP probe, which is refused since a route is written for the port (${kind} ${name})`,
      fix: 'write one for the path of the probe too, with a policy that asks for a NetworkAuthentication alone',
    };
  }
  if (port.grpcProbe) {
    yield {
      message: `port ${number} has a gRPC probe, which comes without an identity and is refused`,
      fix: `probe it by HTTP or TCP, ${open}`,
    };
  }
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
