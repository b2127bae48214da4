import type { ClientInfo } from '../proxy/model/client-info.ts';
import { type ClientAddresses, fromSomewhere } from './client-addresses.ts';
import type { CallChange, CallMove, Comparison } from './comparison.ts';
import { doorsOf } from './doors.ts';
import { clientOf } from './inbound.ts';
import type { MeshModel } from './mesh-model.ts';
import { SentCalls } from './sent-calls.ts';
import { type SimulatedCluster, workloadPorts } from './simulated-cluster.ts';
import { type Workload, workloadName } from './workload.ts';

/** See MeshModel.compare. */
export function compare(before: MeshModel, after: MeshModel): Comparison {
  const [was, is] = [new Permitted(before.cluster), new Permitted(after.cluster)];
  const { lost, moved } = sentElsewhere(before, after);
  const isThere = ({ from, to }: CallChange): boolean => is.knows(to) && is.knows(from);
  return { opened: is.beyond(was), shut: [...was.beyond(is).filter(isThere), ...lost], moved };
}

/** Clients that prove no identity, as a comparison calls them. */
const anyone = '*';

interface Place extends Pick<CallChange, 'to' | 'port' | 'route'> {
  lets(client: ClientInfo): boolean;
  readonly addresses: ClientAddresses;
  /** The same for places that let in the same clients. */
  readonly key: string;
}

/** Who may call what. */
class Permitted {
  /** Who calls, by name. */
  private readonly callers: ReadonlyMap<string, Workload | undefined>;
  private readonly places = new Map<string, Place>();

  constructor(cluster: SimulatedCluster) {
    const { workloads, context } = cluster;
    this.callers = new Map([
      [anyone, undefined],
      ...workloads.map((one): [string, Workload] => [workloadName(one), one]),
    ]);
    for (const workload of workloads) {
      const to = workloadName(workload);
      for (const port of workloadPorts(cluster, workload)) {
        const byRoute = Map.groupBy(doorsOf(workload, port, context), ({ route }) => route);
        for (const [route, doors] of byRoute) {
          const lets = (client: ClientInfo): boolean => doors.some((door) => door.lets(client));
          const addresses = together(doors.map((door) => door.addresses));
          const key = doors.map((door) => door.key).join();
          this.places.set(JSON.stringify([to, port, route]), { to, port, route, lets, addresses, key });
        }
      }
    }
  }

  /** Whether there is such a workload. */
  knows(name: string): boolean {
    return this.callers.has(name);
  }

  /** The calls that are let in here and not there. */
  beyond(there: Permitted): CallChange[] {
    return [...this.places].flatMap(([key, { to, port, route, lets, addresses: own, key: words }]) => {
      const other = there.places.get(key);
      const addresses = other === undefined ? own : together([own, other.addresses]);
      return [...this.callers].flatMap(([from, caller]) => {
        const same = there.callers.get(from);
        const isKnown = other !== undefined && there.knows(from);
        // As it was: most places of a change.
        if (isKnown && words === other.key && caller?.identity === same?.identity) return [];
        const before = clientOf(same, true);
        const isNew = fromSomewhere(
          caller,
          addresses,
          (client) => lets(client) && !(isKnown && other.lets({ ...before, address: client.address })),
        );
        return isNew ? [{ from, to, port, route }] : [];
      });
    });
  }
}

const together = (all: readonly ClientAddresses[]): ClientAddresses => ({
  all: all.flatMap((each) => each.all),
  ofPods: all.flatMap((each) => each.ofPods),
});

/**
 * Calls of workloads that are there in both to Services that go elsewhere, and those that nothing takes any more, since the
 * Service has nothing behind it, or is gone.
 */
function sentElsewhere(before: MeshModel, after: MeshModel): { lost: CallChange[]; moved: CallMove[] } {
  const [was, is] = [new SentCalls(before), new SentCalls(after)];
  const old = new Map(before.cluster.workloads.map((workload) => [workloadName(workload), workload]));
  const called = [...is.ports, ...[...was.ports].filter(({ to }) => !is.has(to))];
  const lost: CallChange[] = [];
  const moved: CallMove[] = [];
  for (const workload of after.cluster.workloads) {
    const from = workloadName(workload);
    const same = old.get(from);
    if (same === undefined) continue;
    for (const { to, service, port } of called) {
      const [then, now] = [was.of(same, to), is.of(workload, to)];
      if (then === undefined) continue;
      if (then.isTaken && now?.isTaken !== true) lost.push({ from, to: service, port, route: undefined });
      else if (now !== undefined && then.way !== now.way) moved.push({ from, to, before: then.way, after: now.way });
    }
  }
  return { lost, moved };
}
