import type { ClientInfo } from '../proxy/model/client-info.ts';
import type { CallChange, CallMove, Comparison } from './comparison.ts';
import { doorsOf } from './doors.ts';
import { clientOf } from './inbound.ts';
import type { MeshModel } from './mesh-model.ts';
import { SentCalls } from './sent-calls.ts';
import { type SimulatedCluster, workloadPorts } from './simulated-cluster.ts';
import { workloadName } from './workload.ts';

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
}

/** Who may call what. */
class Permitted {
  /** Who calls, by name, as sidecars know them. */
  private readonly callers: ReadonlyMap<string, ClientInfo>;
  private readonly places = new Map<string, Place>();

  constructor(cluster: SimulatedCluster) {
    const { workloads, context } = cluster;
    this.callers = new Map([
      [anyone, clientOf(undefined, true)],
      ...workloads.map((one) => [workloadName(one), clientOf(one, true)] as const),
    ]);
    for (const workload of workloads) {
      const to = workloadName(workload);
      for (const port of workloadPorts(cluster, workload)) {
        const byRoute = Map.groupBy(doorsOf(workload, port, context), ({ route }) => route);
        for (const [route, doors] of byRoute) {
          const lets = (client: ClientInfo): boolean => doors.some((door) => door.lets(client));
          this.places.set(JSON.stringify([to, port, route]), { to, port, route, lets });
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
    return [...this.places].flatMap(([key, { to, port, route, lets }]) => {
      const other = there.places.get(key);
      return [...this.callers].flatMap(([from, client]) => {
        const same = there.callers.get(from);
        const isOld = same !== undefined && other?.lets(same) === true;
        return !isOld && lets(client) ? [{ from, to, port, route }] : [];
      });
    });
  }
}

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
