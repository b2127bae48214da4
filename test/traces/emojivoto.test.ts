import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Chart, Testing } from 'cdk8s';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Emojivoto, EmojivotoVersions } from '../../examples/emojivoto/emojivoto-chart.ts';
import { Canary, MeshService, RetryOn, RouteProtocol } from '../../lib/index.ts';
import { LocalMesh } from '../../local/local-mesh.ts';
import { type Started, type StoredSpan, startJaeger, type TraceServer } from './servers.ts';
import { expectWithin, inOrder } from './tree.ts';

/** One vote of emojivoto through a canary that fails it, and the retry after that, as Jaeger tells it. */
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
function objects(collector: string): Written[] {
  const app = new App();
  const canary = new Chart(app, 'canary', { namespace: 'emojivoto' });
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
    metadata.annotations = { ...metadata.annotations, 'config.tulle.dev/trace-collector': collector };
    spec.template.metadata = metadata;
    for (const { env = [] } of pod.containers) {
      for (const one of env) {
        if (one.name === 'VOTES_PER_SECOND') one.value = '0.001';
        if (one.name === 'FAILS_EVERY') one.value = '2';
      }
    }
  }
  return kept;
}

beforeAll(async () => {
  traces = await startJaeger();
  if ('missing' in traces) return;
  const manifests = join(folder, 'dist');
  mkdirSync(manifests);
  const items = objects(`127.0.0.1:${traces.server.ports['opentelemetry']}`);
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

/** A vote as the bot would cast it, as part of a trace. */
function vote(traceId: string): Promise<number> {
  const headers = { traceparent: `00-${traceId}-${caller}-01` };
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

async function spansOf(traceId: string, count: number): Promise<StoredSpan[]> {
  const { server } = traces as { server: TraceServer };
  return vi.waitFor(
    async () => {
      const found = await server.trace(traceId);
      expect(found.length).toBe(count);
      return inOrder(found, caller);
    },
    { timeout: 20_000, interval: 100 },
  );
}

it('a vote through a canary and a retry is one trace, each hop with its parent, kind, time and error', async (context) => {
  if ('missing' in traces) return context.skip(traces.missing);
  let votes = 0;
  let traceId = '';
  // Half of the votes come to the canary, and every second of those fails there.
  while ((await retries()) === 0 && votes < 100) {
    traceId = `4bf92f3577b34da6a3ce929d0e0e${(0x1000 + votes++).toString(16)}`;
    expect(await vote(traceId)).toBe(200);
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
