import type { CallResult } from './call-result.ts';
import type { MeshModel } from './mesh-model.ts';
import { isNothing } from './nothing-there.ts';
import { type Workload, workloadName } from './workload.ts';

/** What becomes of the calls of a workload to a port of a Service. */
export interface SentCall {
  /** Where they go, by which rule. */
  readonly way: string;
  /** Something is there that takes them, or refuses them for what they are. */
  readonly isTaken: boolean;
}

/** A port of a Service, as it is called. */
export interface CalledPort {
  /** `http://orders.shop:8080/`. */
  readonly to: string;
  /** `shop/service/orders`. */
  readonly service: string;
  readonly port: number;
}

interface KnownPort extends CalledPort {
  /** The namespaces whose clients it may be another for: its own, those with rules for it, those where its name is another. */
  readonly apart: ReadonlySet<string>;
  readonly known: Map<string, SentCall>;
}

/**
 * The calls of all workloads to all Services. Where a call goes hangs on the caller's namespace, as far as that has a say,
 * and on whether it has a sidecar: it is asked once for all who are alike.
 */
export class SentCalls {
  private readonly model: MeshModel;
  private readonly byTo: ReadonlyMap<string, KnownPort>;

  constructor(model: MeshModel) {
    this.model = model;
    this.byTo = new Map(portsOf(model).map((one) => [one.to, one]));
  }

  get ports(): Iterable<CalledPort> {
    return this.byTo.values();
  }

  has(to: string): boolean {
    return this.byTo.has(to);
  }

  /** Undefined where there is no such Service, or it has no such port. */
  of(from: Workload, to: string): SentCall | undefined {
    const port = this.byTo.get(to);
    if (port === undefined) return undefined;
    const isSkipped = from.skipped.ports.has(port.port);
    const likes = `${from.meshed} ${from.mode} ${isSkipped} ${port.apart.has(from.namespace) ? from.namespace : ''}`;
    const known = port.known.get(likes);
    if (known !== undefined) return known;
    const result = this.model.call({ from: workloadName(from), to });
    const call = { way: wayOf(from, result), isTaken: isTaken(result) };
    // Of several places the one that refuses this caller hides that another has nothing there.
    if (result.allowed || result.backends.length <= 1) port.known.set(likes, call);
    return call;
  }
}

function portsOf({ cluster: { services, context } }: MeshModel): KnownPort[] {
  const { cluster, policy, config } = context;
  const profiled = Map.groupBy(cluster.profiles.values(), ({ metadata }) => metadata.name);
  const byName = Map.groupBy(services, ({ metadata }) => metadata.name);
  return services.flatMap(({ metadata: { name, namespace = '' }, spec }) => {
    const ruled = [
      ...policy.routes.of('Service', `${namespace}/${name}`),
      ...[...(profiled.get(`${name}.${namespace}.svc.${config.clusterDomain}`) ?? [])].map(({ metadata }) => metadata),
      // `orders.shop` is a pod of the headless Service `shop`, where there is one in the caller's namespace.
      ...(byName.get(namespace) ?? []).map(({ metadata }) => metadata),
    ];
    const apart = new Set([namespace, ...ruled.map((one) => one.namespace ?? '')]);
    return (spec?.ports ?? []).map(({ port }) => ({
      ...{ to: `http://${name}.${namespace}:${port}/`, service: `${namespace}/service/${name}`, port },
      ...{ apart, known: new Map() },
    }));
  });
}

const isTaken = ({ allowed, backends }: CallResult): boolean =>
  allowed || !backends.some((backend) => backend.share > 0 && isNothing(backend));

function wayOf({ namespace: own }: Workload, result: CallResult): string {
  const { route, backends, status, mtls } = result;
  const shares = backends.map(
    ({ service, namespace = own, port, share }) => `${Math.round(share * 1000) / 10} % ${namespace}/${service}:${port}`,
  );
  const isSent = shares.length > 0 && isTaken(result);
  const where = isSent ? `${shares.join(', ')}${mtls ? '' : ' in plaintext'}` : `answered ${status}`;
  return route === undefined ? where : `${where} by ${route}`;
}
