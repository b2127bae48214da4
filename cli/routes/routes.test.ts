import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { RouteRow } from '../../lib/figures/query.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import type { ServiceProfile } from '../../lib/kinds/service-profile.ts';
import { ScrapingStore } from '../figures/scraping-store.ts';
import { type ProcessPods, servePods } from '../testing/pods-of-processes.ts';
import { run } from '../testing/run.ts';
import { routeObjects, routesTable } from './routes-table.ts';

const responses = (service: string, route: string | undefined, successes: number, failures: number) => {
  const labels = `direction="outbound",dst="${service}.shop.svc.cluster.local:8080"${route ? `,rt_route="${route}"` : ''}`;
  return (
    `route_response_total{${labels},status_code="200",classification="success"} ${successes}\n` +
    `route_response_total{${labels},status_code="200",classification="failure",grpc_status="13"} ${failures}\n` +
    `route_response_latency_ms_bucket{${labels},status_code="200",le="10"} ${successes + failures}\n` +
    `route_response_latency_ms_bucket{${labels},status_code="200",le="+Inf"} ${successes + failures}\n`
  );
};
const subject = { kind: 'deployment', namespace: 'shop' };
const sidecar = { initContainers: [{ name: 'tulle-proxy' }] };

let asks = 0;
const metrics = (): string => {
  asks++;
  return responses('voting', 'Vote', asks, 0) + responses('bills', undefined, asks, 0).replaceAll('.shop.', '.bank.');
};
const pod = {
  metadata: { name: 'web-0', namespace: 'shop' },
  spec: { initContainers: [{ name: 'tulle-proxy', readinessProbe: { httpGet: { port: 4191 } } }] },
  status: { phase: 'Running', podIP: '10.1.0.1' },
};
const answers: ProcessPods['answers'] = {
  '/api/v1/namespaces': { items: [{ metadata: { name: 'shop' } }] },
  '/api/v1/pods': { items: [pod] },
  '/api/v1/namespaces/shop/pods': { items: [pod] },
  '/api/v1/namespaces/bank': JSON.stringify({ metadata: { name: 'bank' } }),
  '/api/v1/namespaces/bank/pods': { items: [] },
  '/api/v1/namespaces/shop/pods/web-0:4191/proxy/metrics': metrics,
};
let cluster: Awaited<ReturnType<typeof servePods>>;
beforeAll(async () => {
  cluster = await servePods({ ports: {}, answers });
});
afterAll(() => cluster.close());

/** The rows of what sidecars count in a window of 10 s, each from nothing. */
async function counted(
  texts: readonly string[],
  { to, profiles = [] }: { to?: string; profiles?: readonly ServiceProfile[] } = {},
): Promise<RouteRow[]> {
  const pods = texts.map(
    (_, i): Pod => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `web-${i}`, namespace: 'shop' },
      spec: sidecar,
    }),
  );
  let nowMs = 0;
  const store = new ScrapingStore(
    {
      workloads: async () => [{ namespace: 'shop', name: 'web', pods }],
      profiles: async () => profiles,
      gatewayRoutes: async () => [],
      close: () => {},
    },
    {
      timeoutMs: 1000,
      scrape: async (pod, _, onBytes) => {
        if (nowMs > 0) onBytes(Buffer.from(texts[pods.indexOf(pod)]));
      },
    },
    {
      nowMs: () => nowMs,
      sleep: async (ms) => {
        nowMs += ms;
      },
    },
  );
  const [name, namespace = 'shop'] = to?.split('.') ?? [];
  const service = to === undefined ? undefined : { kind: 'service', name: name || undefined, namespace };
  const query = { by: 'route', subject, to: service, windowMs: 10_000 } as const;
  return [...(await store.query(query, new AbortController().signal)).rows];
}

it('each route has its row, the default one comes last, and one that nobody took has dashes', async () => {
  const told =
    responses('voting', undefined, 2, 0) +
    responses('voting', 'VoteDoughnut', 0, 2) +
    responses('voting', 'Vote', 30, 10) +
    responses('emoji', 'ListAll', 20, 0) +
    responses('emoji', 'FindByShortcode', 0, 0);
  expect(routesTable(await counted([told]))).toBe(
    [
      'ROUTE             SERVICE   SUCCESS      RPS   LATENCY_P50   LATENCY_P95   LATENCY_P99',
      'FindByShortcode   emoji           -        -             -             -             -',
      'ListAll           emoji     100.00%   2.0rps           5ms          10ms          10ms',
      'Vote              voting     75.00%   4.0rps           5ms          10ms          10ms',
      'VoteDoughnut      voting      0.00%   0.2rps           5ms          10ms          10ms',
      '[DEFAULT]         voting    100.00%   0.2rps           5ms          10ms          10ms',
      '',
    ].join('\n'),
  );
});

it('what several callers counted is summed, of the Service that is asked for alone', async () => {
  const one = responses('voting', 'Vote', 3, 1) + responses('emoji', 'ListAll', 9, 0);
  expect(await counted([one, one], { to: 'voting' })).toMatchObject([
    { route: 'Vote', service: 'voting', traffic: { successes: 6, failures: 2 } },
  ]);
  expect(await counted([one, one], { to: 'voting.other' })).toEqual([]);
});

it('of all Services of a namespace those that were called are told, with their namespace where it is asked', async () => {
  const rows = await counted([responses('voting', 'Vote', 3, 1) + responses('emoji', 'ListAll', 9, 0)], { to: '' });
  expect(rows.map(({ route }) => route)).toEqual(['ListAll', 'Vote']);
  expect(routesTable(rows, { withNamespace: true })).toMatch(/^NAMESPACE +ROUTE +SERVICE .*\nshop +ListAll +emoji /);
});

it.each([
  ['deploy/web --from deploy/api', '--from (deploy/api) must be given with a Service: deploy/web is who calls already'],
  ['deploy/web --from-namespace shop', '--from-namespace (shop) must be given with a Service: deploy/web is who'],
  ['svc/voting --to svc/emoji', '--to (svc/emoji) must not be given with a Service, which does not call'],
  ['deploy/web --to svc', '--to (svc) must be a Service: svc/voting'],
  ['svc/voting --from svc/web', "'svc' must be a kind of resource: deployment, "],
])('routes %s is refused', async (line, message) => {
  const args = ['routes', ...line.split(' '), '--kubeconfig', cluster.kubeconfig];
  await expect(run(args)).rejects.toMatchObject({ error: { exitCode: 64, message: expect.stringContaining(message) } });
});

it('--from is one caller of a Service, -A are the Services of all namespaces', async () => {
  const routes = (...args: string[]) => run(['routes', ...args, '--kubeconfig', cluster.kubeconfig, '-t', '50ms']);
  const { out } = await routes('svc/voting', '-n', 'shop', '--from', 'po/web-0', '-o', 'yaml');
  expect(parse(out)).toMatchObject([{ route: 'Vote', service: 'voting', namespace: 'shop', success: 1 }]);
  expect((await routes('svc', '-A')).out).toMatch(
    /^NAMESPACE .*\nbank +\[DEFAULT\] +bills .*\nshop +Vote +voting +100/,
  );
  expect((await routes('po', '-A')).out).toMatch(/\nbank .*\nshop /);
  // Nobody calls from there; without the name, everybody's calls are counted.
  await expect(routes('svc', '-A', '--from-namespace', 'bank')).rejects.toMatchObject({
    error: { message: expect.stringMatching(/^no request to Services was counted by route/) },
  });
  await expect(routes('svc/none', '-n', 'shop')).rejects.toMatchObject({
    error: { message: expect.stringMatching(/^no request to svc\/none in namespace shop was counted by route/) },
  });
  await expect(routes('svc/voting', '-n', 'shop', '--from', 'po/none')).rejects.toMatchObject({
    error: { message: '--from: no pod/none in namespace shop (--from-namespace names another)' },
  });
});

it('routes of the called Services that nobody took have their rows, the default one too', async () => {
  const profile = (service: string): ServiceProfile => ({
    apiVersion: 'linkerd.io/v1alpha2',
    kind: 'ServiceProfile',
    metadata: { name: `${service}.shop.svc.cluster.local`, namespace: 'shop' },
    spec: {
      routes: [
        { name: 'Vote', condition: {} },
        { name: 'Results', condition: {} },
      ],
    },
  });
  const routes = async (to?: string) =>
    (await counted([responses('voting', 'Vote', 3, 1)], { to, profiles: [profile('voting'), profile('emoji')] })).map(
      ({ service, route, traffic }) => `${service} ${route} ${traffic.successes}`,
    );
  expect(await routes()).toEqual(['voting Results 0', 'voting Vote 3', 'voting [DEFAULT] 0']);
  expect(await routes('emoji')).toEqual(['emoji Results 0', 'emoji Vote 0', 'emoji [DEFAULT] 0']);
});

it('what a request was tried is told beside what became of it', async () => {
  const tries = (classification: string, count: number) =>
    `route_actual_response_total{direction="outbound",dst="voting.shop.svc.cluster.local:8080",rt_route="Vote",classification="${classification}"} ${count}\n`;
  const rows = await counted([responses('voting', 'Vote', 10, 0) + tries('success', 10) + tries('failure', 10)]);
  expect(routesTable(rows, { wide: true })).toBe(
    [
      'ROUTE   SERVICE   EFFECTIVE_SUCCESS   EFFECTIVE_RPS   ACTUAL_SUCCESS   ACTUAL_RPS   LATENCY_P50   LATENCY_P95   LATENCY_P99',
      'Vote    voting              100.00%          1.0rps           50.00%       2.0rps           5ms          10ms          10ms',
      '',
    ].join('\n'),
  );
  expect(routeObjects(rows)).toMatchObject([{ route: 'Vote', success: 1, rps: 1, tries: { success: 0.5, rps: 2 } }]);
});

it('programs get numbers', async () => {
  expect(routeObjects(await counted([responses('voting', 'Vote', 3, 1)]))).toMatchObject([
    { route: 'Vote', service: 'voting', namespace: 'shop', success: 0.75, rps: 0.4, latencyMs: { p50: 5 } },
  ]);
});

it('without a local mesh it says how to start one', async () => {
  const { error } = await run(['routes', 'deploy/web', '--state', '/nowhere/at/all']).catch((failure) => failure);
  expect(error.message).toContain("start one with 'tulle local dist'");
});
