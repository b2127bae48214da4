/**
 * Measures what a replica of discovery and policy holds for each proxy, how soon a change reaches everybody, and for how
 * long a change of all namespaces holds the event loop, in a cluster of many pods and Services.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { resolve } from 'node:path';
import { controllerNodeOptions } from '../../images/contents.ts';
import { parseNumbers } from '../flags.ts';
import { percentile } from '../measure/statistics.ts';

const {
  pods,
  services,
  proxies,
  dependencies,
  changes,
  'kb-per-proxy': limitKb,
  'read-ms': limitReadMs,
} = parseNumbers(
  'usage: npm run bench:scale -- [--pods 10000] [--services 1000] [--proxies 1000] [--dependencies 10] [--changes 10] ' +
    '[--kb-per-proxy 100] [--read-ms 10000]',
  {
    pods: 10_000,
    services: 1000,
    proxies: 1000,
    dependencies: 10,
    changes: 10,
    'kb-per-proxy': 100,
    'read-ms': 10_000,
  },
);
const changeLimitMs = 1000;
const heldLimitMs = 10;
/** A collection of the whole heap falls into it: that is a turn of its own. */
const heldLimitOfAllMs = 30;
/** Of the stand-ins in one process. */
const perProcess = 500;
const timeLimitMs = 5 * 60_000;

const deadline = setTimeout(() => {
  console.error(`not done within ${timeLimitMs / 1000} s`);
  process.exit(1);
}, timeLimitMs);
deadline.unref();

const child = (file: string, args: readonly number[], execArgv: string[] = []): ChildProcess => {
  const started = fork(resolve(import.meta.dirname, file), args.map(String), { stdio: 'inherit', execArgv });
  started.on('exit', (code) => {
    if (code !== 0) process.exit(1);
  });
  return started;
};
const next = async <T>(of: ChildProcess): Promise<T> => (await once(of, 'message'))[0] as T;

const server = child('server.ts', [pods, services], ['--expose-gc', ...controllerNodeOptions]);
const { port, readMs } = await next<{ port: number; readMs: number }>(server);
const memory = async (): Promise<NodeJS.MemoryUsage> => {
  server.send({ ask: 'memory' });
  return (await next<{ memory: NodeJS.MemoryUsage }>(server)).memory;
};
console.log(
  `${availableParallelism()} × ${cpus()[0].model}, load ${loadavg()[0].toFixed(1)}, Node ${process.version}: ` +
    `${pods} pods, ${services} Services, ${proxies} proxies with ${dependencies} dependencies`,
);
const before = await memory();
const clients: ChildProcess[] = [];
const begun = performance.now();
let streams = 0;
for (let first = 0; first < proxies; first += perProcess) {
  const count = Math.min(perProcess, proxies - first);
  const started = child('proxies.ts', [port, first, count, dependencies, services]);
  clients.push(started);
  streams += (await next<{ ready: number }>(started)).ready;
}
const connectedMs = performance.now() - begun;
const after = await memory();
const kb = (name: 'heapUsed' | 'external' | 'rss'): number => (after[name] - before[name]) / 1024 / proxies;
const mb = (bytes: number): string => (bytes / 1024 / 1024).toFixed(0);

console.log(
  `objects read in ${readMs.toFixed(0)} ms: ${mb(before.heapUsed)} MB of heap, ${mb(before.rss)} MB resident`,
);
console.log(`${streams} streams answered in ${(connectedMs / 1000).toFixed(1)} s`);
console.log(
  `a proxy: ${kb('heapUsed').toFixed(1)} KB of heap, ${kb('external').toFixed(1)} KB beside it, ` +
    `${kb('rss').toFixed(0)} KB resident`,
);

const delays: number[] = [];
for (const each of clients) each.on('message', ({ toldMs }: { toldMs?: number[] }) => delays.push(...(toldMs ?? [])));
for (let change = 1; change <= changes; change++) {
  const known = delays.length;
  for (const each of clients) each.send({ at: performance.timeOrigin + performance.now() });
  server.send({ change });
  // Who follows the Service is not known here: until nobody has been told for a while.
  for (let last = -1; last !== delays.length || last === known; ) {
    last = delays.length;
    await new Promise((done) => setTimeout(done, 500));
  }
}
delays.sort((a, b) => a - b);
const p99 = percentile(delays, 0.99);
const changeNamespaces = async (settings: number, of: number): Promise<{ heldMs: number; of: number }> => {
  server.send({ settings, of });
  return next(server);
};
const one = await changeNamespaces(1, 1);
const every = await changeNamespaces(2, 1e9);

const verdict = (holds: boolean, text: string): boolean => {
  console.log(`${holds ? 'ok  ' : 'FAIL'} ${text}`);
  return holds;
};
const all = [
  verdict(kb('heapUsed') <= limitKb, `${kb('heapUsed').toFixed(1)} KB of heap a proxy (${limitKb} or less)`),
  verdict(
    p99 < changeLimitMs,
    `an endpoint's change told to all: p99 ${p99.toFixed(0)} ms (below ${changeLimitMs} ms)`,
  ),
  verdict(
    one.heldMs <= heldLimitMs,
    `loop held by a change of a namespace: ${one.heldMs.toFixed(1)} ms (${heldLimitMs} or less)`,
  ),
  verdict(
    every.heldMs <= heldLimitOfAllMs,
    `loop held by a change of all ${every.of} at once: ${every.heldMs.toFixed(1)} ms (${heldLimitOfAllMs} or less)`,
  ),
  verdict(readMs < limitReadMs, `objects read in ${readMs.toFixed(0)} ms (below ${limitReadMs} ms)`),
];
process.exitCode = all.every(Boolean) ? 0 : 1;
for (const each of [...clients, server]) {
  each.removeAllListeners('exit');
  each.disconnect();
}
