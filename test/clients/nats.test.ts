import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { natsProgram } from '../nats/nats-program.ts';
import { TestMesh } from '../proxy/test-mesh.ts';

/** NATS, whose server speaks first, between two sidecars: a real server, and clients that break their connections. */
const program = await natsProgram();
const skipped = 'missing' in program ? ` (skipped: ${program.missing})` : '';
const path = 'path' in program ? program.path : '';
const port = 4222;
const detectMs = 1500;

interface Exchange {
  readonly connected: number;
  readonly failed: readonly string[] | null;
  readonly slowestMs: number;
  readonly delivered: number;
  readonly expected: number;
  readonly lost: number;
}

describe.skipIf(skipped !== '')(`NATS${skipped}`, () => {
  let mesh: TestMesh;
  const servers: ChildProcess[] = [];
  const serve = async (workload: string): Promise<void> => {
    const server = spawn(path, ['serve', `${mesh.ip(workload)}:${port}`], { stdio: ['ignore', 'pipe', 'inherit'] });
    servers.push(server);
    await Promise.race([once(server.stdout, 'data'), once(server, 'exit')]);
    expect(server.exitCode).toBe(null);
  };
  const exchange = async (workload: string, ...flags: string[]): Promise<Exchange> => {
    const args = ['exchange', '--via', `${mesh.ip('client')}:4140`, ...flags, `${workload}.test:${port}`];
    const { stdout } = await promisify(execFile)(path, args, { timeout: 60_000 });
    return JSON.parse(stdout);
  };

  beforeAll(async () => {
    const opaque = { 'config.tulle.dev/opaque-ports': `${port}` };
    const settings = {
      OUTBOUND_DETECT_TIMEOUT: `${detectMs}ms`,
      INBOUND_DETECT_TIMEOUT: `${detectMs}ms`,
      // What nobody uses is forgotten sooner than a connection has waited for detection.
      OUTBOUND_DISCOVERY_IDLE_TIMEOUT: `${detectMs / 5}ms`,
    };
    const variables = Object.entries(settings).map(([name, value]) => ({ name: `LINKERD2_PROXY_${name}`, value }));
    const soon = { 'config.tulle.dev/proxy-additional-env': JSON.stringify(variables) };
    mesh = await TestMesh.start([
      { name: 'client', annotations: soon },
      { name: 'nats', ports: [port], annotations: { ...opaque, ...soon } },
      { name: 'unmarked', ports: [port], annotations: soon },
    ]);
    await Promise.all(['nats', 'unmarked'].map(serve));
    await mesh.ready();
  }, 60_000);
  afterAll(async () => {
    for (const server of servers) server.kill('SIGKILL');
    await mesh?.stop();
  });

  it('greets connections that came at once, and carries what each publishes to all, over mutual TLS', async () => {
    const { failed, slowestMs, ...counts } = await exchange('nats', '--connections', '20', '--rounds', '0');
    expect([failed, counts]).toEqual([null, { connected: 20, delivered: 0, expected: 0, lost: 0 }]);
    // Nothing was waited for: nobody can tell from a silent client what it speaks.
    expect(slowestMs).toBeLessThan(detectMs);
    expect(await mesh.metric('nats', 'tcp_open_total', 'direction="inbound"', 'peer="src"', 'tls="true"')).toBe(20);
  });

  it('a connection that its client breaks takes no other with it, and the next are made as the first', async () => {
    const rounds = 30;
    const { failed, slowestMs, ...counts } = await exchange('nats', '--connections', '3', '--rounds', `${rounds}`);
    expect([failed, counts]).toEqual([
      null,
      { connected: 3 + rounds, delivered: 3 * rounds, expected: 3 * rounds, lost: 0 },
    ]);
    expect(slowestMs).toBeLessThan(detectMs);
  });

  it('on a port that is not declared opaque, clients that wait are served when detection has given up', async () => {
    const flags = ['--connections', '3', '--rounds', '4', '--timeout', `${10 * detectMs}ms`];
    const { failed, slowestMs, ...counts } = await exchange('unmarked', ...flags);
    // Broken ones beside them leave nothing behind that those which wait would be thrown away with.
    expect([failed, counts]).toEqual([null, { connected: 7, delivered: 12, expected: 12, lost: 0 }]);
    expect(slowestMs).toBeGreaterThan(detectMs);
  });
});
