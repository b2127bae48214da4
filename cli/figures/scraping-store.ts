import { setTimeout as sleep } from 'node:timers/promises';
import { Counters } from '../../lib/figures/counters.ts';
import {
  type FigureQuery,
  type Figures,
  type FiguresStore,
  type GatewayRouteRow,
  type RouteRow,
  type RowsBy,
  type Silent,
  type Subject,
  UnknownSubject,
  type WorkloadRow,
} from '../../lib/figures/query.ts';
import { type Bare, RowTotals } from '../../lib/figures/rows.ts';
import { type Counting, defaultRoute, type Selection, selectionOf } from '../../lib/figures/selection.ts';
import { foldCounters, foldIncreases } from '../../lib/figures/sidecar-fold.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import type { ServiceProfile } from '../../lib/kinds/service-profile.ts';
import { eachBounded } from '../cluster/objects.ts';
import { isRefused, refusalText } from '../cluster/refusal.ts';
import { sidecarOf } from '../cluster/sidecar.ts';
import type { Workload, WorkloadDirectory } from './directory.ts';
import { parentRows } from './gateway-routes.ts';
import { type MetricsReader, readMetrics, type Scraper } from './scraper.ts';

/** Sidecars that are asked at the same time: the API server is shared with others. */
const concurrency = 16;
/** Of the sidecars that did not answer, those that are named; of what they said, what is told. */
const maxSilentNamed = 10;
const maxReasonLength = 300;

/** Whoever calls. */
const everybody: Subject = { kind: 'namespace' };

/** What windows are measured by. */
export interface Clock {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Rejects with the reason of `signal` when that aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

const machineClock: Clock = {
  nowMs: () => performance.now(),
  sleep: async (ms, signal) => {
    await sleep(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
  },
};

/** A sidecar that is asked. */
interface Asked {
  readonly pod: Pod;
  readonly counting: Counting;
}

/** One that has been asked when the window began. */
interface Begun extends Asked {
  readonly counters: Counters;
  /** Undefined: when its process began. */
  readonly atMs: number | undefined;
}

/**
 * Figures by asking sidecars: each is scraped when the window begins and when it ends, and once when there is no window,
 * since counters begin with their process. What it tells is folded as it comes: between the scrapes a sidecar costs 16
 * bytes for each series that the query counts.
 */
export class ScrapingStore implements FiguresStore {
  private readonly directory: WorkloadDirectory;
  private readonly scraper: Scraper;
  private readonly clock: Clock;

  /** `clock` is that of the machine by default. */
  constructor(directory: WorkloadDirectory, scraper: Scraper, clock: Clock = machineClock) {
    this.directory = directory;
    this.scraper = scraper;
    this.clock = clock;
  }

  async query<By extends keyof RowsBy>(query: FigureQuery<By>, signal: AbortSignal): Promise<Figures<By>> {
    const { by, subject, windowMs } = query;
    const selection = selectionOf(query);
    const gatewayRoutes = by === 'gatewayRoute' ? await this.knownRoutes(query) : [];
    const workloads = by === 'gatewayRoute' ? [] : await this.known(subject, 'subject');
    const from = query.from ?? (by === 'gatewayRoute' || subject.kind === 'service' ? everybody : undefined);
    const counting = from === undefined ? workloads : await this.known(from, 'from');
    const asked = counting.flatMap((workload) => askedOf(workload, query));
    const silent = new SilentPods();

    const atStart = (one: Asked): Begun => ({ ...one, counters: Counters.none, atMs: undefined });
    const begun = windowMs === undefined ? asked.map(atStart) : await this.begin(asked, selection, silent, signal);
    // Where nobody is asked, nothing is waited for.
    if (windowMs !== undefined && begun.length > 0) await this.clock.sleep(windowMs, signal);
    const totals = new RowTotals();
    await eachBounded(begun, concurrency, async ({ pod, counting, counters, atMs }) => {
      const counted = await this.read(pod, foldIncreases(selection, counting, counters), silent, signal);
      if (counted !== undefined) totals.add(counted, atMs === undefined ? undefined : this.clock.nowMs() - atMs);
    });

    const known = {
      workloads: workloads.flatMap((workload) => bareRows(workload, query)),
      routes: by === 'route' ? profileRoutes(await this.directory.profiles()) : [],
      gatewayRoutes,
    };
    return { rows: totals.rows(query, known), silent };
  }

  close(): void {
    this.directory.close();
  }

  private async known(subject: Subject, role: 'subject' | 'from'): Promise<Workload[]> {
    const found = await this.directory.workloads(subject);
    if (found.length === 0) throw new UnknownSubject(subject, role);
    return found;
  }

  private async knownRoutes(query: FigureQuery): Promise<Bare<GatewayRouteRow>[] | undefined> {
    const found = await this.directory.gatewayRoutes(query.subject);
    if (found?.length === 0) throw new UnknownSubject(query.subject, 'subject');
    return found && parentRows(found, query);
  }

  private async begin(
    asked: readonly Asked[],
    selection: Selection,
    silent: SilentPods,
    signal: AbortSignal,
  ): Promise<Begun[]> {
    const begun = await eachBounded(asked, concurrency, async (one): Promise<Begun[]> => {
      const counters = await this.read(one.pod, foldCounters(selection, one.counting), silent, signal);
      return counters === undefined ? [] : [{ ...one, counters, atMs: this.clock.nowMs() }];
    });
    return begun.flat();
  }

  /** Undefined when the sidecar is silent. */
  private async read<T>(
    pod: Pod,
    reader: MetricsReader<T>,
    silent: SilentPods,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    signal.throwIfAborted();
    try {
      return await readMetrics(this.scraper, pod, reader, signal);
    } catch (error) {
      signal.throwIfAborted();
      silent.add(pod, error as Error);
      return undefined;
    }
  }
}

/** What is told of sidecars that did not answer, however many they are and whatever they said. */
class SilentPods implements Silent {
  count = 0;
  readonly some: { namespace: string; name: string; reason: string }[] = [];

  add({ metadata: { namespace = '', name } }: Pod, error: Error): void {
    this.count++;
    if (this.some.length < maxSilentNamed) this.some.push({ namespace, name, reason: reasonOf(error) });
  }
}

/** A refusal is of our own words, and ends with the command that shows it: it is told whole. */
const reasonOf = (error: Error): string =>
  isRefused(error) ? refusalText(error) : error.message.slice(0, maxReasonLength);

/** The sidecars of a workload, and the row that is theirs. */
function askedOf({ namespace, name, pods }: Workload, { by }: FigureQuery): Asked[] {
  return pods
    .filter((pod) => sidecarOf(pod) !== undefined)
    .map((pod) => {
      const row = by === 'pod' ? [pod.metadata.namespace ?? '', pod.metadata.name] : [namespace, name];
      const account = pod.spec?.serviceAccountName ?? 'default';
      return { pod, counting: { workload: name, row, namespace: pod.metadata.namespace, account } };
    });
}

function bareRows(workload: Workload, { by, subject }: FigureQuery): Bare<WorkloadRow>[] {
  const { namespace, name, pods, lackingSidecars } = workload;
  const counts = (of: readonly Pod[]): Pick<WorkloadRow, 'pods' | 'meshedPods' | 'lackingSidecars'> => ({
    pods: of.length,
    meshedPods: of.filter((pod) => sidecarOf(pod) !== undefined).length,
    lackingSidecars: of.filter((pod) => lackingSidecars?.has(pod)).length,
  });
  // A pod that has run to its end is one that is asked for, and counts for none.
  const isDone = subject.kind === 'pod' && pods.length === 0;
  if (by !== 'pod' || isDone) return [{ namespace, name, ...counts(pods) }];
  return pods.map((pod) => ({
    namespace: pod.metadata.namespace ?? '',
    name: pod.metadata.name,
    status: pod.status?.phase,
    ...counts([pod]),
  }));
}

/** The routes that profiles have, and the default one of each. */
function profileRoutes(profiles: readonly ServiceProfile[]): Bare<RouteRow>[] {
  return profiles.flatMap(({ metadata, spec }) => {
    const [service, namespace = ''] = metadata.name.split('.');
    const routes = [...(spec?.routes ?? []).map(({ name }) => name), defaultRoute];
    return routes.map((route) => ({ namespace, service, route }));
  });
}
