import type { EdgeRow } from '../../lib/figures/query.ts';

/** Who calls whom: what both of their sidecars told, once. */
export interface ShownEdge {
  readonly source: string;
  readonly target: string;
  readonly sourceNamespace: string;
  readonly targetNamespace: string;
  /** Undefined where the calls proved none. */
  readonly clientId?: string;
  readonly serverId?: string;
  readonly secured: boolean;
  /** Why it is not. */
  readonly reason?: string;
  /** By the sidecar of who calls, where that was asked; connections alone are counted of what is no HTTP. */
  readonly requests: number;
  readonly connections: number;
}

/**
 * What the callers' sidecars told, and what those of the called told of callers that were not asked: these know of who
 * calls the identity alone, so that the service account stands for the workload. Of namespaces it is that of the account.
 */
export function shownEdges(found: readonly EdgeRow[], kind = 'deployment'): ShownEdge[] {
  const told = new Set(found.filter(({ seenBy }) => seenBy === 'source').map(pairOf));
  return found
    .filter((edge) => edge.seenBy === 'source' || !told.has(pairOf(edge)))
    .map((edge) => {
      const { source, sourceNamespace } = edge;
      return { ...shown(edge), source: kind === 'namespace' ? sourceNamespace || source : source };
    })
    .sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

/** What both sidecars know of a pair: account of who calls, workload that is called, and whether by which lack. */
function pairOf({ seenBy, source, sourceNamespace, target, targetNamespace, account, insecure }: EdgeRow): string {
  const caller = seenBy === 'source' ? account : source;
  return JSON.stringify([caller, sourceNamespace, target, targetNamespace, insecure === undefined]);
}

function shown(edge: EdgeRow): ShownEdge {
  const { source, target, sourceNamespace, targetNamespace, requests, connections, insecure, peerIdentity } = edge;
  const own = insecure === undefined ? ownIdentity(edge) : undefined;
  const peer = peerIdentity === '' ? undefined : peerIdentity;
  const [clientId, serverId] = edge.seenBy === 'source' ? [own, peer] : [peer, own];
  return {
    ...{ source, target, sourceNamespace, targetNamespace, clientId, serverId },
    secured: insecure === undefined,
    ...(insecure === undefined ? {} : { reason: insecure }),
    ...{ requests, connections },
  };
}

/** Both sides of mutual TLS are of one mesh: its name ends both of theirs. */
function ownIdentity({ seenBy, account, sourceNamespace, targetNamespace, peerIdentity }: EdgeRow): string | undefined {
  const namespace = seenBy === 'source' ? sourceNamespace : targetNamespace;
  const mesh = peerIdentity.split('.').slice(2).join('.');
  return account === '' || namespace === '' || mesh === '' ? undefined : `${account}.${namespace}.${mesh}`;
}

const order = ({ sourceNamespace, source, targetNamespace, target, reason = '' }: ShownEdge): string =>
  JSON.stringify([sourceNamespace, source, targetNamespace, target, reason]);
