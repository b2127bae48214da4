import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { LoneProxy } from './lone-proxy.ts';
import { freePort } from './test-mesh.ts';

const root = join(import.meta.dirname, '../..');

async function start(environment: Record<string, string>): Promise<LoneProxy> {
  const server = createServer((_, response) => response.end('hello'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const proxy = await LoneProxy.start((server.address() as AddressInfo).port, environment);
  onTestFinished(() => proxy.stop());
  return proxy;
}

const ask = async (proxy: LoneProxy, times: number): Promise<void> => {
  for (let i = 0; i < times; i++) await (await fetch(`http://127.0.0.1:${proxy.inbound}/`)).text();
};

/** What arrives at a UDP port. */
async function receiver(): Promise<{ port: number; packets: string[] }> {
  const socket = createSocket('udp4');
  const packets: string[] = [];
  socket.on('message', (packet) => packets.push(packet.toString()));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  return { port: socket.address().port, packets };
}

/** Etsy's server (npm statsd), with what its management port tells of counters, timers and gauges. */
async function statsdServer() {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-statsd-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [port, management] = [await freePort(), await freePort()];
  writeFileSync(
    join(folder, 'config.js'),
    `{ port: ${port}, address: '127.0.0.1', mgmt_port: ${management}, mgmt_address: '127.0.0.1', flushInterval: 3600000, backends: [] }`,
  );
  // It writes its log by a function that Node 23 took out.
  writeFileSync(join(folder, 'log.js'), "require('node:util').log = console.log;");
  const program = join(root, 'node_modules/statsd/stats.js');
  const child = spawn(process.execPath, ['--require', join(folder, 'log.js'), program, join(folder, 'config.js')]);
  const ended = once(child, 'exit');
  onTestFinished(async () => {
    child.kill();
    await ended;
  });
  const tell = (what: 'counters' | 'timers' | 'gauges'): Promise<string> =>
    new Promise((resolve, reject) => {
      const client = connect(management, '127.0.0.1', () => client.write(`${what}\n`));
      let text = '';
      client.on('data', (chunk) => {
        text += chunk;
        if (!text.includes('END')) return;
        client.end();
        resolve(text);
      });
      client.on('error', reject);
    });
  await vi.waitFor(() => tell('counters'), { timeout: 10_000 });
  return { port, tell };
}

it('a statsd server has the same counts, times and gauges as a scrape', async () => {
  const statsd = await statsdServer();
  const proxy = await start({
    LINKERD2_PROXY_STATSD_ADDR: `127.0.0.1:${statsd.port}`,
    LINKERD2_PROXY_STATSD_TAGS: 'none',
    LINKERD2_PROXY_STATSD_INTERVAL: '200ms',
  });
  await ask(proxy, 25);
  const count = async (): Promise<number> =>
    Number(/'tulle\.response_total\.inbound\.success': (\d+)/.exec(await statsd.tell('counters'))?.[1] ?? 0);
  await vi.waitFor(async () => expect(await count()).toBe(25), { timeout: 5000 });
  await ask(proxy, 17);
  await vi.waitFor(async () => expect(await count()).toBe(42), { timeout: 5000 });
  expect(await statsd.tell('timers')).toContain('tulle.response_latency_ms.inbound');
  expect(await statsd.tell('gauges')).toMatch(/'tulle\.proxy_deadlines_armed': \d/);
  expect(await statsd.tell('counters')).toContain("'statsd.bad_lines_seen': 0");
});

it('packets fit into the frames of a network, and tags are those of DogStatsD unless others are asked for', async () => {
  const { port, packets } = await receiver();
  const proxy = await start({
    LINKERD2_PROXY_STATSD_ADDR: `localhost:${port}`,
    LINKERD2_PROXY_STATSD_INTERVAL: '100ms',
  });
  await ask(proxy, 3);
  const lines = (): string[] => packets.flatMap((packet) => packet.split('\n'));
  await vi.waitFor(
    () => expect(lines().some((line) => /^tulle\.request_total:\d\|c\|#direction:inbound,/.test(line))).toBe(true),
    { timeout: 10_000 },
  );
  for (const packet of packets) expect(packet.length).toBeLessThanOrEqual(1432);
  for (const line of lines()) expect(line).toMatch(/^tulle\.\w+:-?[\d.]+\|(c|g|ms|h)(\|@[\d.]+)?(\|#[\w./:,-]+)?$/);
});

it('an agent gets the same over a Unix socket, also when it was started again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-agent-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'statsd.sock');
  const agent = async () => {
    rmSync(path, { force: true });
    const child = spawn(join(root, 'node_modules/.bin/bun'), [join(import.meta.dirname, 'unix-datagrams.ts'), path]);
    const ended = once(child, 'exit');
    let read = '';
    child.stdout.on('data', (chunk) => {
      read += chunk;
    });
    const stop = async (): Promise<void> => {
      child.kill('SIGKILL');
      await ended;
    };
    onTestFinished(stop);
    await vi.waitFor(() => expect(existsSync(path)).toBe(true), { timeout: 10_000 });
    return {
      stop,
      packets: () =>
        read
          .split('\n')
          .slice(0, -1)
          .map((line) => JSON.parse(line) as string),
    };
  };
  const first = await agent();
  const proxy = await start({ LINKERD2_PROXY_STATSD_ADDR: `unix:${path}`, LINKERD2_PROXY_STATSD_INTERVAL: '100ms' });
  await ask(proxy, 4);
  const counted = /^tulle\.request_total:[1-9]\d*\|c\|#direction:inbound/m;
  await vi.waitFor(() => expect(first.packets().join('\n')).toMatch(counted), { timeout: 10_000 });
  for (const packet of first.packets()) expect(packet.length).toBeLessThanOrEqual(8192);
  await first.stop();
  const second = await agent();
  await vi.waitFor(
    async () => {
      await ask(proxy, 1);
      expect(second.packets().join('\n')).toMatch(counted);
    },
    { timeout: 20_000 },
  );
}, 40_000);

it('what was counted last is sent before the proxy ends', async () => {
  const { port, packets } = await receiver();
  const proxy = await start({
    LINKERD2_PROXY_STATSD_ADDR: `127.0.0.1:${port}`,
    LINKERD2_PROXY_STATSD_INTERVAL: '1h',
    LINKERD2_PROXY_SHUTDOWN_ENDPOINT_ENABLED: 'true',
  });
  await ask(proxy, 5);
  await fetch(`http://127.0.0.1:${proxy.admin}/shutdown`, { method: 'POST' });
  expect(await proxy.ended()).toBe(0);
  await vi.waitFor(() => expect(packets.join('\n')).toMatch(/^tulle\.request_total:5\|c/m));
});

it('without a server nothing is waited for, and what did not leave is counted', async () => {
  const proxy = await start({
    LINKERD2_PROXY_STATSD_ADDR: 'unix:/nowhere/statsd.sock',
    LINKERD2_PROXY_STATSD_INTERVAL: '100ms',
  });
  await ask(proxy, 20);
  await vi.waitFor(async () =>
    expect(await proxy.metrics()).toMatch(/^statsd_packets_total\{outcome="dropped"\} [1-9]/m),
  );
  expect(proxy.errors()).toBe('');
});

it.each([
  ['STATSD_ADDR', '8125'],
  ['STATSD_ADDR', 'unix:relative'],
  ['STATSD_TAGS', 'influx'],
  ['STATSD_INTERVAL', '1ms'],
  ['STATSD_PREFIX', 'a b'],
])('does not start with %s=%s, and says why', async (name, value) => {
  const environment = { LINKERD2_PROXY_STATSD_ADDR: '127.0.0.1:8125', [`LINKERD2_PROXY_${name}`]: value };
  await expect(start(environment)).rejects.toThrow(`LINKERD2_PROXY_${name}`);
});
