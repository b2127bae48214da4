import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { Agent, createServer, get } from 'node:http';
import { availableParallelism } from 'node:os';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { openSockets } from './open-sockets.ts';
import { TestMesh } from './test-mesh.ts';

const cores = [{ name: 'LINKERD2_PROXY_CORES', value: '2' }];

/** Processes that a process has started. */
function children(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
}

// A proxy never runs more workers than the host has cores.
describe.skipIf(availableParallelism() < 2)('a proxy that may use two cores (skipped on a host of one)', () => {
  let mesh: TestMesh;

  beforeAll(async () => {
    mesh = await TestMesh.start([
      { name: 'client' },
      {
        name: 'server',
        ports: [8080],
        annotations: { 'config.tulle.dev/proxy-additional-env': JSON.stringify(cores) },
      },
    ]);
    await mesh.serve(
      'server',
      8080,
      createServer((_incoming, response) => response.end('answered')),
    );
    await mesh.ready();
  }, 60_000);
  afterAll(() => mesh.stop());

  /** Straight to the server's sidecar, unmeshed. */
  const call = (agent: Agent | false) =>
    new Promise<number | undefined>((resolve, reject) => {
      get({ host: mesh.ip('server'), port: 4143, agent, headers: { host: 'server' } }, (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode));
      }).on('error', reject);
    });
  const requests = () => mesh.metric('server', 'request_total', 'direction="inbound"');

  it('spreads connections over two processes and tells the sum of their metrics', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 60 });
    onTestFinished(() => agent.destroy());
    const first = mesh.pid('server', 'tulle-proxy');
    const [second, ...more] = children(first);
    expect(more).toEqual([]);
    const requestsBefore = await requests();
    const before = [openSockets(first), openSockets(second)];
    for (let round = 0; round < 3; round++) {
      const statuses = await Promise.all(Array.from({ length: 60 }, () => call(agent)));
      expect(new Set(statuses)).toEqual(new Set([200]));
    }
    expect(openSockets(first) - before[0]).toBeGreaterThan(10);
    expect(openSockets(second) - before[1]).toBeGreaterThan(10);
    expect((await requests()) - requestsBefore).toBe(180);
    expect(await mesh.metric('server', 'control_identity_cert_refreshes_total', 'result="ok"')).toBe(2);
  });

  it('takes no more in both processes together than a rate limit allows in all', async () => {
    const group = 'policy.linkerd.io';
    const metadata = { name: 'server', namespace: 'test' };
    mesh.apply(
      {
        ...{ apiVersion: `${group}/v1beta3`, kind: 'Server', metadata },
        spec: { podSelector: { matchLabels: { app: 'server' } }, port: 8080, accessPolicy: 'all-unauthenticated' },
      },
      {
        ...{ apiVersion: `${group}/v1alpha1`, kind: 'HTTPLocalRateLimitPolicy', metadata },
        spec: { targetRef: { group, kind: 'Server', name: 'server' }, total: { requestsPerSecond: 40 } },
      },
    );
    const agent = new Agent({ keepAlive: true, maxSockets: 60 });
    onTestFinished(() => agent.destroy());
    onTestFinished(() => mesh.apply());
    await vi.waitFor(
      async () => {
        const startMs = performance.now();
        const statuses = await Promise.all(Array.from({ length: 240 }, () => call(agent)));
        const passed = statuses.filter((status) => status === 200).length;
        expect(passed).toBeLessThanOrEqual(40 * (1 + (performance.now() - startMs) / 1000) + 2);
        expect(passed).toBeGreaterThanOrEqual(40);
      },
      // After a second each process has forgotten what came before, its rate and its burst being a second's.
      { timeout: 15_000, interval: 1050 },
    );
  });

  it('is not ready while a worker is missing, starts it again, and serves on meanwhile', async () => {
    // The limit of the test before may hold a moment longer.
    await vi.waitFor(async () => expect(await call(false)).toBe(200));
    const first = mesh.pid('server', 'tulle-proxy');
    const [second] = children(first);
    process.kill(second, 'SIGKILL');
    await vi.waitFor(async () => expect((await mesh.admin('server', '/ready')).status).toBe(503), 3000);
    expect(await call(false)).toBe(200);
    await vi.waitFor(async () => expect((await mesh.admin('server', '/ready')).status).toBe(200), 10_000);
    const [next] = children(first);
    expect(next).not.toBe(second);
  });

  it('ends with its workers, which finish what is under way', async () => {
    const first = mesh.pid('server', 'tulle-proxy');
    const [second] = children(first);
    process.kill(first, 'SIGTERM');
    await vi.waitFor(() => expect(existsSync(`/proc/${second}`)).toBe(false), 5000);
  });
});
