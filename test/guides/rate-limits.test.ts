import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'cdk8s';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Emojivoto } from '../../examples/emojivoto/emojivoto-chart.ts';
import { LocalMesh } from '../../local/local-mesh.ts';

/** docs/guides/rate-limits.md, as somebody follows it. */
const root = join(import.meta.dirname, '../..');
const guide = readFileSync(join(root, 'docs/guides/rate-limits.md'), 'utf8');
const [limit, override] = [...guide.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, yaml]) => yaml);
const folder = mkdtempSync(join(tmpdir(), 'tulle-rate-limits-'));
const manifests = join(folder, 'dist');
let mesh: LocalMesh;

/** At once, so that nobody reads half of it. */
function write(name: string, text: string): void {
  writeFileSync(join(folder, name), text);
  renameSync(join(folder, name), join(manifests, name));
}

beforeAll(async () => {
  mkdirSync(manifests);
  const app = new App({ outdir: manifests });
  new Emojivoto(app, 'emojivoto');
  app.synth();
  write('rate-limit.yaml', limit);
  const lines: string[] = [];
  mesh = await LocalMesh.start({
    ...{ manifests, stateFolder: join(folder, 'state'), cwd: root, environment: process.env },
    report: (line) => lines.push(line),
  });
  expect(await mesh.ready(40_000), lines.join('\n')).toBe(true);
}, 60_000);
afterAll(async () => {
  await mesh?.stop();
  rmSync(folder, { recursive: true });
});

/** Requests of vote-bot to web, as web's sidecar counts them: those that were authorized, and those that were refused. */
async function counted(): Promise<{ authorized: number; refused: number }> {
  const host = mesh.pods.find(({ plan }) => plan.owner.name === 'web')?.plan.ip;
  const page = await new Promise<string>((resolve, reject) => {
    get({ host, port: 4191, path: '/metrics', agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve(body));
    }).on('error', reject);
  });
  const sum = (...parts: string[]): number =>
    page
      .split('\n')
      .filter((line) =>
        [...parts, 'client_id="vote-bot.emojivoto.', 'srv_name="web"'].every((part) => line.includes(part)),
      )
      .reduce((total, line) => total + Number(line.split(' ').at(-1)), 0);
  const labels = ['ratelimit_kind="HTTPLocalRateLimitPolicy"', 'ratelimit_name="web"', 'ratelimit_scope="identity"'];
  return {
    authorized: sum('inbound_http_authz_allow_total{'),
    refused: sum('inbound_http_local_ratelimit_total{', ...labels),
  };
}

/** What is counted from now until vote-bot has sent so many requests more. */
async function during(requests: number): Promise<{ passed: number; refused: number; seconds: number }> {
  const startMs = performance.now();
  const before = await counted();
  let now = before;
  await vi.waitFor(
    async () => {
      now = await counted();
      expect(now.authorized - before.authorized).toBeGreaterThanOrEqual(requests);
    },
    { timeout: 15_000, interval: 200 },
  );
  const refused = now.refused - before.refused;
  const seconds = (performance.now() - startMs) / 1000;
  return { passed: now.authorized - before.authorized - refused, refused, seconds };
}

it('the limit of the guide lets vote-bot have four requests in a second', async () => {
  await vi.waitFor(async () => expect((await counted()).refused).toBeGreaterThan(0), {
    timeout: 15_000,
    interval: 200,
  });
  const { passed, refused, seconds } = await during(40);
  expect(refused).toBeGreaterThan(0);
  expect(passed).toBeLessThanOrEqual(4 * (1 + seconds) + 1);
  expect(passed).toBeGreaterThan(4 * (seconds - 1) * 0.5);
}, 40_000);

it('the override of the guide lets it have all that it asks for, at once', async () => {
  write('rate-limit.yaml', `${limit.split('---\n')[0]}---\n${override}`);
  await vi.waitFor(async () => expect((await during(10)).refused).toBe(0), { timeout: 15_000, interval: 50 });
  expect(await during(30)).toMatchObject({ refused: 0 });
}, 40_000);
