import { createServer, request } from 'node:http';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { TestMesh, type Workload } from './test-mesh.ts';

/** Endpoints that fail, or turn requests away, as the sidecar of their client sees to it. */
let mesh: TestMesh;
interface Asked {
  readonly status: number;
  readonly atMs: number;
}
/** What the first pod was asked for by each service, and answered; and how often the second was. */
const first = new Map<string, Asked[]>();
const second = new Map<string, number>();
/** What the first pod answers to requests for a service; 200 where nothing is said. The second always does. */
const answers = new Map<string, { status: number; headers?: Record<string, string> }>();

const accrual = 'balancer.linkerd.io/failure-accrual';
const alpha = 'balancer.alpha.linkerd.io';
const ejecting = (mode: string, minPenalty: string) => ({
  [accrual]: mode,
  [`${accrual}-consecutive-min-penalty`]: minPenalty,
  [`${accrual}-consecutive-jitter-ratio`]: '0',
});
const service = (name: string, selector: Record<string, string>, annotations: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'test', annotations },
  spec: { selector, ports: [{ name: 'http', port: 8080 }] },
});
const both = { app: 'pod' };
const services = [
  service('web', both, ejecting('consecutive', '2s')),
  service('limited', both, { ...ejecting('unified', '100ms'), [`${alpha}/failure-accrual-honor-retry-after`]: 'true' }),
  service('weighed', both, { [`${alpha}/penalize-failures`]: 'true' }),
  service(
    'lone',
    { only: 'first' },
    { ...ejecting('consecutive', '9s'), [`${accrual}-consecutive-max-failures`]: '2' },
  ),
];

beforeAll(async () => {
  const pods: Workload[] = [
    { name: 'pod', ports: [8080], labels: { only: 'first' } },
    { name: 'pod-b', ports: [8080], labels: { app: 'pod' } },
  ];
  mesh = await TestMesh.start([{ name: 'client' }, ...pods], services);
  const serve = (pod: string, answer: (service: string) => { status: number; headers?: Record<string, string> }) =>
    mesh.serve(
      pod,
      8080,
      createServer((asked, response) => {
        const { status, headers = {} } = answer(asked.headers.host!.replace(/\..*/, ''));
        response.writeHead(status, headers).end();
      }),
    );
  await serve('pod', (of) => {
    const answer = answers.get(of) ?? { status: 200 };
    first.set(of, [...(first.get(of) ?? []), { status: answer.status, atMs: performance.now() }]);
    return answer;
  });
  await serve('pod-b', (of) => {
    second.set(of, (second.get(of) ?? 0) + 1);
    return { status: 200 };
  });
  await mesh.ready();
}, 60_000);
afterAll(() => mesh.stop());

const call = (of: string): Promise<{ status: number | undefined; error: unknown }> =>
  new Promise((resolve, reject) => {
    const headers = { host: `${of}.test:8080` };
    const asked = request({ host: mesh.ip('client'), port: 4140, headers, agent: false });
    asked.on('error', reject).on('response', (response) => {
      const error = response.headers['l5d-proxy-error'];
      response.resume().on('end', () => resolve({ status: response.statusCode, error }));
    });
    asked.end();
  });
const askedFor = (of: string, status: number): Asked[] =>
  (first.get(of) ?? []).filter((each) => each.status === status);

/** Calls a service until `holds`: some requests at a time, so that both of its pods get some, whichever is faster. */
const callUntil = (of: string, holds: () => boolean | Promise<boolean>) =>
  vi.waitFor(
    async () => {
      await Promise.all(Array.from({ length: 4 }, () => call(of)));
      expect(await holds()).toBe(true);
    },
    { timeout: 20_000, interval: 1 },
  );
const bothAnswer = (of: string) => {
  const before = [askedFor(of, 200).length, second.get(of) ?? 0];
  return callUntil(of, () => askedFor(of, 200).length > before[0] && (second.get(of) ?? 0) > before[1]);
};

const ejections = (reason: string) =>
  mesh.metric('client', 'outbound_http_balancer_ejections_total', `reason="${reason}"`);
const logged = (message: string): string[] =>
  mesh
    .log('client', 'tulle-proxy')
    .split('\n')
    .filter((line) => line.includes(message));

it('a pod that fails seven requests in a row gets a probe at a time, until one shows that it is well again', async () => {
  await bothAnswer('web');
  answers.set('web', { status: 500 });
  await callUntil('web', () => askedFor('web', 500).length >= 7);
  const had = askedFor('web', 500).length;
  // Those that were under way with the seventh.
  expect(had).toBeLessThanOrEqual(10);
  const statuses = await Promise.all(Array.from({ length: 50 }, () => call('web')));
  const failed = statuses.filter(({ status }) => status !== 200);
  expect(failed).toHaveLength(askedFor('web', 500).length - had);
  expect(await ejections('consecutive failures')).toBe(1);
  expect(await mesh.metric('client', 'outbound_http_balancer_ejected_endpoints')).toBe(1);
  await callUntil('web', () => askedFor('web', 500).length > had + 1);
  const times = askedFor('web', 500).slice(had - 1);
  const waitsMs = times.slice(1).map(({ atMs }, i) => atMs - times[i].atMs);
  expect(waitsMs[0]).toBeGreaterThan(1900);
  expect(waitsMs[1]).toBeGreaterThan(3900);
  answers.delete('web');
  await bothAnswer('web');
  expect(logged('endpoint ejected')).toEqual([expect.stringContaining(`address=${mesh.ip('pod')}:8080`)]);
  expect(logged('endpoint has recovered')).toHaveLength(1);
}, 60_000);

it('a pod that turns requests away is left alone for as long as it asks for', async () => {
  await bothAnswer('limited');
  answers.set('limited', { status: 429, headers: { 'retry-after': '3' } });
  await callUntil('limited', async () => (await ejections('success rate')) === 1);
  answers.delete('limited');
  await bothAnswer('limited');
  const all = first.get('limited')!;
  const last = all.findLastIndex(({ status }) => status === 429);
  expect(all[last + 1].atMs - all[last].atMs).toBeGreaterThan(2500);
}, 60_000);

it('when the only pod is ejected, requests fail with a word that the breaker is open', async () => {
  await vi.waitFor(async () => expect((await call('lone')).status).toBe(200), { timeout: 10_000 });
  answers.set('lone', { status: 503 });
  expect([(await call('lone')).status, (await call('lone')).status]).toEqual([503, 503]);
  const { status, error } = await call('lone');
  expect([status, error]).toEqual([504, expect.stringMatching(/the circuit breaker is open for 1$/)]);
  expect(askedFor('lone', 503)).toHaveLength(2);
  answers.delete('lone');
  await vi.waitFor(async () => expect((await call('lone')).status).toBe(200), { timeout: 20_000, interval: 100 });
}, 60_000);

it('a pod that fails at once is not taken for a fast one where failures are penalized', async () => {
  await bothAnswer('weighed');
  answers.set('weighed', { status: 503 });
  await callUntil('weighed', () => askedFor('weighed', 503).length > 0);
  const had = askedFor('weighed', 503).length;
  for (let i = 0; i < 50; i++) expect((await call('weighed')).status).toBe(200);
  expect(askedFor('weighed', 503)).toHaveLength(had);
}, 60_000);
