import { expect, test } from 'vitest';
import { MetricsRegistry } from '../telemetry/registry.ts';
import { MergedMetrics } from './merge-metrics.ts';

const labels = { direction: 'inbound', tls: 'true' };

function scrape(requests: number, latencyMs: number, client?: string): string {
  const registry = new MetricsRegistry(() => 0);
  const metrics = registry.requestMetrics(client === undefined ? labels : { ...labels, client_id: client });
  for (let i = 0; i < requests; i++) {
    metrics.request();
    metrics.response(0, 200, 'success', -1, undefined, latencyMs);
  }
  registry.collect((into) =>
    into.push(
      '# HELP process_start_time_seconds Start.\n# TYPE process_start_time_seconds gauge\n',
      `process_start_time_seconds ${1000 + requests}\n`,
      '# HELP proxy_build_info This build.\n# TYPE proxy_build_info gauge\nproxy_build_info{version="1"} 1\n',
    ),
  );
  return [...registry.pieces()].join('');
}

/** Given to it in pieces of a line. */
function mergeMetrics(texts: readonly string[]): string {
  const merged = new MergedMetrics();
  for (const text of texts) {
    const take = merged.source();
    for (const line of text.split(/(?<=\n)/)) take(line);
  }
  return [...merged.pieces()].join('');
}

const samples = (text: string): Map<string, number> =>
  new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );

test('counters and histogram buckets of the same labels are added up', () => {
  const merged = samples(mergeMetrics([scrape(3, 2), scrape(4, 30)]));
  expect(merged.get('request_total{direction="inbound",tls="true"}')).toBe(7);
  const bucket = (bound: string): number | undefined =>
    merged.get(`response_latency_ms_bucket{direction="inbound",tls="true",status_code="200",le="${bound}"}`);
  expect([bucket('1'), bucket('2'), bucket('30'), bucket('+Inf')]).toEqual([0, 3, 7, 7]);
});

test('series that one worker alone has are kept, each family once and in one piece', () => {
  const text = mergeMetrics([scrape(1, 1), scrape(2, 1, 'web')]);
  expect(samples(text).get('request_total{direction="inbound",tls="true",client_id="web"}')).toBe(2);
  expect(text.match(/^# TYPE request_total counter$/gm)).toHaveLength(1);
  const families = text
    .split('\n')
    .filter((line) => line.startsWith('request_total') || line.startsWith('# TYPE'))
    .join(' ');
  expect(families).toMatch(/TYPE request_total counter request_total\S* 1 request_total\S* 2 # TYPE response_total/);
});

test('the oldest start and one build are told, not their sums', () => {
  const merged = samples(mergeMetrics([scrape(5, 1), scrape(2, 1)]));
  expect(merged.get('process_start_time_seconds')).toBe(1002);
  expect(merged.get('proxy_build_info{version="1"}')).toBe(1);
});

test('the scrape of a single worker is passed on as it is', () => {
  const text = scrape(1, 1);
  expect(mergeMetrics([text])).toBe(text);
});

test('of the exemplars of a bucket the latest is kept, whatever stands in labels', () => {
  const text = (count: number, exemplar: string) =>
    `# HELP a Help.\n# TYPE a histogram\na_bucket{b="x # {y",le="1"} ${count}${exemplar}\na_bucket{b="x # {y",le="+Inf"} 9\n`;
  const [early, late] = ['aa', 'bb'].map((id, at) => ` # {trace_id="${id}"} 0.5 100${at}.250`);
  for (const both of [
    [text(1, early), text(2, late)],
    [text(2, late), text(1, early)],
  ]) {
    expect(mergeMetrics(both)).toBe(text(3, late).replace(' 9\n', ' 18\n'));
  }
  expect(mergeMetrics([text(1, ''), text(2, early)])).toContain(` 3${early}\n`);
  expect(mergeMetrics([text(1, ''), text(2, '')])).toContain(' 3\n');
});
