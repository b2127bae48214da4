import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Chart, Testing } from 'cdk8s';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Emojivoto, EmojivotoVersions } from '../../examples/emojivoto/emojivoto-chart.ts';
import { Canary, MeshService, RetryOn, RouteProtocol } from '../../lib/index.ts';
import { LocalMesh } from '../../local/local-mesh.ts';
import { guideAnnotations, guideRoutes } from './guide.ts';
import { type Started, type StoredSpan, startJaeger, type TraceServer } from './servers.ts';
import { expectWithin, inOrder } from './tree.ts';

/** Votes of emojivoto as Jaeger tells them, by the annotations and routes of docs/guides/tracing.md. */
const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'tulle-traces-'));
const caller = '00f067aa0ba902b7';
const run = new Set(['web', 'emoji', 'voting', 'voting-shaky', 'vote-bot']);
const identity = (account: string): string => `${account}.emojivoto.serviceaccount.identity.tulle.cluster.local`;

let traces: Started;
let mesh: LocalMesh | undefined;

interface Written {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec?: {
    template?: {
      metadata?: { annotations?: Record<string, string> };
      spec: { containers: { env?: { name: string; value?: string }[] }[] };
    };
  };
}

/** What runs here, traced; its bot hardly votes by itself, and every second vote fails at the canary. */
function objects(annotations: Readonly<Record<string, string>>): object[] {
  const app = new App();
  // In an app of its own: beside the profiles of emojivoto, which are left out below, it would never hold.
  const canary = new Chart(new App(), 'canary', { namespace: 'emojivoto' });
  new Canary(canary, 'voting', {
    protocol: RouteProtocol.grpc(),
    primary: MeshService.of('voting-svc', { port: 8080 }),
    canary: MeshService.of('voting-shaky-svc', { port: 8080 }),
    weight: 50,
    retries: { on: RetryOn.grpc('unavailable'), limit: 3 },
  });
  const charts = [new Emojivoto(app, 'emojivoto'), new EmojivotoVersions(app, 'versions'), canary];
  const all = charts.flatMap((chart) => Testing.synth(chart)) as Written[];
  const kept = all.filter(
    ({ kind, metadata }) => kind !== 'ServiceProfile' && (kind !== 'Deployment' || run.has(metadata.name)),
  );
  for (const { kind, spec } of kept) {
    if (kind !== 'Deployment' || spec?.template === undefined) continue;
    const { metadata = {}, spec: pod } = spec.template;
    metadata.annotations = { ...metadata.annotations, ...annotations };
    spec.template.metadata = metadata;
    for (const { env = [] } of pod.containers) {
      for (const one of env) {
        if (one.name === 'VOTES_PER_SECOND') one.value = '0.001';
        if (one.name === 'FAILS_EVERY') one.value = '2';
      }
    }
  }
  return [...kept, ...guideRoutes()];
}

beforeAll(async () => {
  traces = await startJaeger();
  if ('missing' in traces) return;
  const manifests = join(folder, 'dist');
  mkdirSync(manifests);
  const items = objects(guideAnnotations('opentelemetry', traces.server.ports['opentelemetry']));
  writeFileSync(join(manifests, 'emojivoto.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  const lines: string[] = [];
  mesh = await LocalMesh.start({
    ...{ manifests, stateFolder: join(folder, 'state'), cwd: root, environment: process.env },
    report: (line) => lines.push(line),
  });
  expect(await mesh.ready(60_000), lines.join('\n')).toBe(true);
}, 1_200_000);

afterAll(async () => {
  await mesh?.stop();
  if ('server' in traces) await traces.server.stop();
  rmSync(folder, { recursive: true });
}, 60_000);

const ipOf = (workload: string): string | undefined =>
  mesh?.pods.find(({ plan }) => plan.owner.name === workload)?.plan.ip;

/** A vote as the bot would cast it. */
function vote(headers: Record<string, string> = {}): Promise<number> {
  const url = 'http://web-svc.emojivoto/api/vote?choice=:joy:';
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: ipOf('vote-bot'), port: 4140, method: 'POST', path: url, headers, agent: false },
      (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
      },
    );
    asked.on('error', reject);
    asked.end();
  });
}

/** How often web's sidecar has tried a vote again. */
async function retries(): Promise<number> {
  const text = await (await fetch(`http://${ipOf('web')}:4191/metrics`)).text();
  const counted = text.matchAll(/^outbound_grpc_route_retry_requests_total\{.*\} (\d+)$/gm);
  return [...counted].reduce((sum, [, count]) => sum + Number(count), 0);
}

async function spansOf(traceId: string, count: number, above = caller): Promise<StoredSpan[]> {
  const { server } = traces as { server: TraceServer };
  return vi.waitFor(
    async () => {
      const found = await server.trace(traceId);
      expect(found.length).toBe(count);
      return inOrder(found, above);
    },
    { timeout: 20_000, interval: 100 },
  );
}

/** The traces that the bot's sidecar names to Prometheus as those of the latencies that it has measured. */
async function exemplars(): Promise<Set<string>> {
  const headers = { accept: 'application/openmetrics-text; version=1.0.0' };
  const text = await (await fetch(`http://${ipOf('vote-bot')}:4191/metrics`, { headers })).text();
  return new Set([...text.matchAll(/^response_latency_ms_bucket\{.* # \{trace_id="(\w+)"\}/gm)].map(([, id]) => id));
}

it('a vote of which nobody has decided begins a trace, as its route says, and latencies name it', async (context) => {
  if ('missing' in traces) return context.skip(traces.missing);
  // The guide's routes may not have come yet.
  const [traceId] = await vi.waitFor(async () => {
    expect(await vote()).toBe(200);
    const named = await exemplars();
    expect(named.size).toBeGreaterThan(0);
    return named;
  });
  const [first, second] = await vi.waitFor(async () => {
    const { server } = traces as { server: TraceServer };
    const spans = inOrder(await server.trace(traceId), '');
    expect(spans.length).toBeGreaterThan(3);
    return spans;
  }, 20_000);
  expect([first.service, first.kind, first.attributes['tulle.route']]).toEqual([
    'vote-bot',
    'client',
    'HTTPRoute/votes',
  ]);
  expect([second.service, second.kind, second.parentId]).toEqual(['web', 'server', first.spanId]);
  expect(await exemplars()).toContain(traceId);
}, 60_000);

it('a vote through a canary and a retry is one trace, each hop with its parent, kind, time and error', async (context) => {
  if ('missing' in traces) return context.skip(traces.missing);
  let votes = 0;
  let traceId = '';
  // Half of the votes come to the canary, and every second of those fails there.
  while ((await retries()) === 0 && votes < 100) {
    traceId = `4bf92f3577b34da6a3ce929d0e0e${(0x1000 + votes++).toString(16)}`;
    expect(await vote({ traceparent: `00-${traceId}-${caller}-01` })).toBe(200);
  }
  const spans = await spansOf(traceId, 9);
  expectWithin(spans);
  const again = spans[7].attributes['tulle.backend'] === 'voting-svc.emojivoto' ? 'voting' : 'voting-shaky';
  const [find, cast] = ['EmojiService/FindByShortcode', 'VotingService/Vote'].map((name) => `emojivoto.v1.${name}`);
  expect(spans.map(({ service, kind, name, isError }) => [service, kind, name, isError])).toEqual([
    ['vote-bot', 'client', 'POST', false],
    ['web', 'server', 'POST', false],
    ['web', 'client', find, false],
    ['emoji', 'server', find, false],
    ['web', 'internal', cast, false],
    ['web', 'client', cast, true],
    ['voting-shaky', 'server', cast, true],
    ['web', 'client', cast, false],
    [again, 'server', cast, false],
  ]);
  const parents = spans.map(({ parentId }) => spans.findIndex(({ spanId }) => spanId === parentId));
  expect(parents).toEqual([-1, 0, 1, 2, 1, 4, 5, 4, 7]);
  const [, server, , , whole, failed, failing, second] = spans.map(({ attributes }) => attributes);
  expect(server).toMatchObject({
    'http.response.status_code': '200',
    'url.path': '/api/vote',
    'tulle.client.identity': identity('vote-bot'),
  });
  expect(whole).toMatchObject({
    'tulle.tries': '2',
    'tulle.route': expect.stringMatching(/^GRPCRoute\//),
    'tulle.parent': 'Service/voting-svc',
    'rpc.grpc.status_code': '0',
  });
  expect(failed).toMatchObject({
    'tulle.backend': 'voting-shaky-svc.emojivoto',
    'tulle.endpoint.pod': 'voting-shaky-0',
    'tulle.server.identity': identity('voting-shaky'),
    'rpc.grpc.status_code': '14',
    'error.type': '14',
  });
  expect(failing).toMatchObject({ 'tulle.client.identity': identity('web'), 'rpc.grpc.status_code': '14' });
  expect(second).toMatchObject({ 'http.request.resend_count': '1', 'rpc.grpc.status_code': '0' });
  // The second try begins when the first is over.
  expect(spans[7].startUs).toBeGreaterThanOrEqual(spans[5].startUs + spans[5].durationUs);
}, 60_000);
