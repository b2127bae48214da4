import { selects } from '../../../lib/contract/labels.ts';
import type { Pod } from '../../../lib/kinds/pod.ts';
import type { Server } from '../../../lib/kinds/server.ts';
import type { ServerAuthorization } from '../../../lib/kinds/server-authorization.ts';
import { oldestFirst } from '../order.ts';

type Labels = Readonly<Record<string, string>>;

/**
 * The Servers of one namespace, the pods that each selects and the ServerAuthorizations that select it. Selectors are
 * looked at when an object changes, never when somebody asks.
 */
export class ServerIndex {
  readonly servers = new Map<string, Server>();
  private readonly authorizations = new Map<string, ServerAuthorization>();
  private readonly pods = new Map<string, Labels>();
  private readonly serversOfPod = new Map<string, readonly Server[]>();
  private readonly authorizationsOfServer = new Map<string, readonly ServerAuthorization[]>();

  get isEmpty(): boolean {
    return this.servers.size === 0 && this.authorizations.size === 0 && this.pods.size === 0;
  }

  /** The Servers that select a pod, the oldest first. */
  ofPod(pod: string): readonly Server[] {
    return this.serversOfPod.get(pod) ?? [];
  }

  /** The ServerAuthorizations that select a Server, by name. */
  authorizationsOf(server: string): readonly ServerAuthorization[] {
    return this.authorizationsOfServer.get(server) ?? [];
  }

  /** Takes a pod as it is now. Returns true when other Servers select it than before. */
  setPod({ metadata }: Pod, deleted: boolean): boolean {
    if (deleted) {
      this.pods.delete(metadata.name);
      return this.serversOfPod.delete(metadata.name);
    }
    const { name, labels = {} } = metadata;
    const before = this.pods.get(name);
    this.pods.set(name, labels);
    if (before !== undefined && sameLabels(before, labels)) return false;
    const selected = [...this.servers.values()].filter((server) => selectsPod(server, labels)).sort(oldestFirst);
    const known = this.ofPod(name);
    if (selected.length === known.length && selected.every((server, i) => server === known[i])) return false;
    this.putServersOfPod(name, selected);
    return true;
  }

  /** Takes a Server as it is now. Returns the pods that it selected or selects. */
  setServer(server: Server, deleted: boolean): string[] {
    const { name } = server.metadata;
    if (deleted) {
      this.servers.delete(name);
      this.authorizationsOfServer.delete(name);
    } else {
      this.servers.set(name, server);
      this.selectAuthorizations(server);
    }
    const changed: string[] = [];
    for (const [pod, labels] of this.pods) {
      const before = this.ofPod(pod);
      const others = before.filter(({ metadata }) => metadata.name !== name);
      const selected = !deleted && selectsPod(server, labels);
      if (!selected && others.length === before.length) continue;
      this.putServersOfPod(pod, selected ? [...others, server].sort(oldestFirst) : others);
      changed.push(pod);
    }
    return changed;
  }

  /** Takes a ServerAuthorization as it is now. Returns the Servers that it selected or selects. */
  setAuthorization(authorization: ServerAuthorization, deleted: boolean): string[] {
    const { name } = authorization.metadata;
    if (deleted) this.authorizations.delete(name);
    else this.authorizations.set(name, authorization);
    const changed: string[] = [];
    for (const [server, object] of this.servers) {
      const was = this.authorizationsOf(server).some(({ metadata }) => metadata.name === name);
      if (!was && (deleted || !selectsServer(authorization, object))) continue;
      this.selectAuthorizations(object);
      changed.push(server);
    }
    return changed;
  }

  private selectAuthorizations(server: Server): void {
    const selected = [...this.authorizations.values()]
      .filter((authorization) => selectsServer(authorization, server))
      .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    if (selected.length === 0) this.authorizationsOfServer.delete(server.metadata.name);
    else this.authorizationsOfServer.set(server.metadata.name, selected);
  }

  private putServersOfPod(pod: string, servers: readonly Server[]): void {
    if (servers.length === 0) this.serversOfPod.delete(pod);
    else this.serversOfPod.set(pod, servers);
  }
}

function selectsPod({ spec }: Server, labels: Labels): boolean {
  return spec.podSelector != null && selects(spec.podSelector, labels);
}

function selectsServer({ spec }: ServerAuthorization, { metadata }: Server): boolean {
  const { name, selector } = spec.server;
  if (name != null) return name === metadata.name;
  return selects(selector ?? {}, metadata.labels);
}

function sameLabels(a: Labels, b: Labels): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
