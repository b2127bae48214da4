import type { Complain } from '../../../lib/contract/annotation-reader.ts';
import { type Cidr, cidrContains, parseCidr } from '../../../lib/contract/cidr.ts';
import { trafficSettings } from '../../../lib/contract/traffic-annotations.ts';
import type { TrafficSettings } from '../../../lib/contract/traffic-settings.ts';
import type { EgressNetwork } from '../../../lib/kinds/egress-network.ts';
import { objectKey } from '../../sources/object-key.ts';
import { oldestFirst } from '../order.ts';

interface HeldNetwork {
  readonly cidr: Cidr;
  readonly except: readonly Cidr[];
}

export interface IndexedEgressNetwork {
  /** `namespace/name`. */
  readonly key: string;
  readonly object: EgressNetwork;
  /** What is done with calls that no route speaks of. */
  readonly trafficPolicy: 'Allow' | 'Deny';
  readonly settings: TrafficSettings;
  readonly networks: readonly HeldNetwork[];
}

const everywhere: readonly HeldNetwork[] = ['0.0.0.0/0', '::/0'].map((text) => ({
  cidr: parseCidr(text)!,
  except: [],
}));

/** The EgressNetworks, and which of them holds for an address. */
export class EgressIndex {
  private readonly byNamespace = new Map<string, Map<string, IndexedEgressNetwork>>();

  *all(): Iterable<IndexedEgressNetwork> {
    for (const networks of this.byNamespace.values()) yield* networks.values();
  }

  get(key: string): IndexedEgressNetwork | undefined {
    const [namespace] = key.split('/');
    return this.byNamespace.get(namespace)?.get(key);
  }

  /** `complain` is told of annotations that cannot be read. */
  set(object: EgressNetwork, deleted: boolean, complain?: Complain): void {
    const { namespace = 'default' } = object.metadata;
    const key = objectKey(object);
    const networks = this.byNamespace.get(namespace) ?? new Map<string, IndexedEgressNetwork>();
    if (deleted) networks.delete(key);
    else networks.set(key, read(key, object, complain));
    if (networks.size === 0) this.byNamespace.delete(namespace);
    else this.byNamespace.set(namespace, networks);
  }

  /**
   * The one that holds for what clients of a namespace send to an address outside of the cluster (linkerd2
   * policy-controller/k8s/index/src/outbound/index/egress_network.rs): one of their own namespace if that has any, whether
   * or not it has the address, else one of the mesh's. The narrowest network wins, then the oldest object, then its name.
   */
  holding(ip: string, clientNamespace: string | undefined, meshWide: string): IndexedEgressNetwork | undefined {
    const address = parseCidr(ip);
    if (address === undefined) return undefined;
    const own = clientNamespace === undefined ? undefined : this.byNamespace.get(clientNamespace);
    let best: IndexedEgressNetwork | undefined;
    let bestLength = -1;
    for (const network of (own ?? this.byNamespace.get(meshWide))?.values() ?? []) {
      const length = narrowest(network.networks, address);
      if (length === undefined || length < bestLength) continue;
      if (best !== undefined && length === bestLength && oldestFirst(best.object, network.object) < 0) continue;
      best = network;
      bestLength = length;
    }
    return best;
  }
}

/** The longest prefix of those that hold an address. */
function narrowest(networks: readonly HeldNetwork[], address: Cidr): number | undefined {
  let length: number | undefined;
  for (const { cidr, except } of networks) {
    if (!cidrContains(cidr, address) || except.some((hole) => cidrContains(hole, address))) continue;
    if (length === undefined || cidr.prefixLength > length) length = cidr.prefixLength;
  }
  return length;
}

/**
 * What cannot be read of it must not open what it was to shut: any policy but Allow denies; where networks or exceptions
 * are unreadable, they hold as widely as they may be meant to deny, and not at all to allow.
 */
function read(key: string, object: EgressNetwork, complain?: Complain): IndexedEgressNetwork {
  // What no definition has checked may be of any shape.
  const { trafficPolicy, networks } = (object.spec ?? {}) as { trafficPolicy?: unknown; networks?: unknown };
  const allows = trafficPolicy === 'Allow';
  return {
    key,
    object,
    trafficPolicy: allows ? 'Allow' : 'Deny',
    settings: trafficSettings(object.metadata.annotations, complain),
    networks: held(networks ?? undefined, allows),
  };
}

function held(networks: unknown, allows: boolean): readonly HeldNetwork[] {
  if (networks === undefined) return everywhere;
  if (!Array.isArray(networks)) return allows ? [] : everywhere;
  return networks.flatMap((network: { cidr?: unknown; except?: unknown } | null) => {
    const cidr = readCidr(network?.cidr);
    const given = network?.except ?? [];
    const holes = Array.isArray(given) ? given.map(readCidr) : [undefined];
    const except = holes.filter((hole) => hole !== undefined);
    return cidr === undefined || (allows && except.length < holes.length) ? [] : [{ cidr, except }];
  });
}

const readCidr = (text: unknown): Cidr | undefined => (typeof text === 'string' ? parseCidr(text) : undefined);
