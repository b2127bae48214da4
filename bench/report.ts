import type { Memory } from './measure/processes.ts';
import { median } from './measure/statistics.ts';
import type { Sample } from './run-scenario.ts';
import type { RatioLimit, Scenario } from './scenarios.ts';

/** All samples of one scenario: one map for each round. */
export type Rounds = readonly ReadonlyMap<string, Sample>[];

/** Whether a number of the design holds, and what to say of it. */
export interface Verdict {
  readonly holds: boolean;
  readonly text: string;
}

const subject = 'Tulle';

/** How many times a peer's Tulle's figure is: the median over the rounds that measured both. */
export function ratio(rounds: Rounds, peer: string, measure: RatioLimit['measure']): number | undefined {
  const ratios = rounds.flatMap((samples) => {
    const [own, other] = [samples.get(subject), samples.get(peer)].map((sample) => sample && figure(sample, measure));
    return own === undefined || other === undefined ? [] : [timesAs(own, other)];
  });
  return ratios.length === 0 ? undefined : median(ratios);
}

/** An added latency may come out below 0, where noise is more than it: what a peer does not add, Tulle must not add either. */
function timesAs(own: number, other: number): number {
  if (other > 0) return own / other;
  return own > other ? Infinity : 1;
}

function figure(sample: Sample, measure: RatioLimit['measure']): number | undefined {
  if (measure === 'cpu') return sample.cpu;
  return measure === 'added p50' ? sample.addedP50Us : sample.addedP999Us;
}

/** Which limits of a scenario hold; those against peers that were not measured are left out. */
export function verdicts(scenario: Scenario, rounds: Rounds): Verdict[] {
  return scenario.limits.flatMap((limit) => {
    if ('mostMs' in limit) {
      const own = rounds.flatMap((samples) => samples.get(subject)?.addedP99Us ?? []);
      if (own.length === 0) return [];
      const addedMs = median(own) / 1000;
      const text = `${scenario.id}: ${limit.measure} ${addedMs.toFixed(1)} ms (at most ${limit.mostMs})`;
      return [{ holds: addedMs <= limit.mostMs, text }];
    }
    const found = ratio(rounds, limit.peer, limit.measure);
    if (found === undefined) return [];
    const { peer, measure, ratio: most } = limit;
    const text = `${scenario.id}: ${measure} ${found.toFixed(2)} × ${peer}'s (at most ${most})`;
    return [{ holds: found <= most, text }];
  });
}

export const formatVerdict = ({ holds, text }: Verdict): string => `${holds ? 'ok  ' : 'FAIL'} ${text}`;

/** A Markdown table of a scenario: medians, the spread over rounds, and Tulle's ratio to each peer. */
export function scenarioTable(scenario: Scenario, rounds: Rounds): string {
  const names = [...new Set(rounds.flatMap((samples) => [...samples.keys()]))];
  const rate = scenario.load === 'rate';
  const flood = scenario.load === 'flood';
  // A microsecond for each request, a second for each gigabyte: both are figures of one or two digits.
  const digits = flood ? 2 : 1;
  const header = [
    '',
    flood ? 'CPU s/GB' : 'CPU µs/request',
    'min-max',
    rate ? 'added p50 µs' : flood ? 'MB/s' : 'requests/s',
    ...(rate ? ['added p99 µs', 'added p99.9 µs'] : []),
    'Tulle ÷ it',
  ];
  const rows = names.map((name) => {
    const samples = rounds.flatMap((round) => round.get(name) ?? []);
    const of = (pick: (sample: Sample) => number): number => median(samples.map(pick));
    const cpus = samples.map(({ cpu }) => cpu);
    const times = ratio(rounds, name, 'cpu');
    return [
      name,
      of(({ cpu }) => cpu).toFixed(digits),
      `${Math.min(...cpus).toFixed(digits)}-${Math.max(...cpus).toFixed(digits)}`,
      rate ? of(({ addedP50Us = 0 }) => addedP50Us).toFixed(0) : of(({ throughput }) => throughput).toFixed(0),
      ...(rate
        ? [of(({ addedP99Us = 0 }) => addedP99Us).toFixed(0), of(({ addedP999Us = 0 }) => addedP999Us).toFixed(0)]
        : []),
      name === subject || times === undefined ? '' : times.toFixed(2),
    ];
  });
  return `### ${scenario.title}\n\n${markdown(header, rows)}`;
}

/** Memory of the outbound proxy, idle and after the load of all scenarios; the ratios are those after the load. */
export function memoryTable(idle: ReadonlyMap<string, Memory>, loaded: ReadonlyMap<string, Memory>): string {
  const figures = ({ rss, pss, private: own }: Memory): number[] => [rss, pss, own];
  const join = (values: readonly number[], digits: number): string =>
    values.map((value) => value.toFixed(digits)).join(' / ');
  const megabytes = (memory: Memory | undefined): string =>
    memory === undefined
      ? '-'
      : join(
          figures(memory).map((bytes) => bytes / 1e6),
          0,
        );
  const own = loaded.get(subject);
  const rows = [...idle.keys()].map((name) => {
    const after = loaded.get(name);
    const times =
      name === subject || own === undefined || after === undefined
        ? ''
        : join(
            figures(own).map((bytes, index) => bytes / figures(after)[index]),
            2,
          );
    return [name, megabytes(idle.get(name)), megabytes(after), times];
  });
  const header = ['RSS / PSS / private MB', 'idle', 'after the load', 'Tulle ÷ it'];
  return `### Memory of the outbound proxy\n\n${markdown(header, rows)}`;
}

export function markdown(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = `|---|${header
    .slice(1)
    .map(() => '---:|')
    .join('')}`;
  return `${[line(header), rule, ...rows.map(line)].join('\n')}\n`;
}
