/**
 * Measures how soon every proxy is told a change of one Service's endpoints, all of which it follows. The worst case: each
 * proxy follows the largest Service.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { resolve } from 'node:path';
import { controllerNodeOptions } from '../../images/contents.ts';
import { parseNumbers } from '../flags.ts';
import { cpuMicros } from '../measure/processes.ts';
import { percentile } from '../measure/statistics.ts';
import { startProxies } from './proxies.ts';

const {
  endpoints,
  proxies,
  changes,
  'limit-ms': limitMs,
} = parseNumbers(
  'usage: npm run bench:destination -- [--endpoints 10000] [--proxies 1000] [--changes 20] [--limit-ms 1000]',
  { endpoints: 10_000, proxies: 1000, changes: 20, 'limit-ms': 1000 },
);

/** Endpoints of one message (control-plane/destination/encoded-updates.ts). */
const perMessage = 1000;
const changeLimitMs = 30_000;
const path = 'web.shop.svc.cluster.local:80';

const server = fork(resolve(import.meta.dirname, 'server.ts'), [String(endpoints)], {
  stdio: 'inherit',
  execArgv: [...controllerNodeOptions],
});
const exited = once(server, 'exit').then(([code]) => {
  throw new Error(`the server ended with ${code}`);
});
exited.catch(() => {});
try {
  const [{ port }] = (await Promise.race([once(server, 'message'), exited])) as [{ port: number }];
  console.log(
    `${availableParallelism()} × ${cpus()[0].model}, load ${loadavg()[0].toFixed(1)}, Node ${process.version}: ` +
      `${proxies} proxies follow ${endpoints} endpoints`,
  );
  const begun = performance.now();
  const all = startProxies(port, proxies, path, Math.ceil(endpoints / perMessage));
  await Promise.race([all.ready, exited]);
  const seconds = (performance.now() - begun) / 1000;
  console.log(`all endpoints told to all: ${(all.bytes() / 1e6).toFixed(0)} MB in ${seconds.toFixed(1)} s`);

  const delays = new Float64Array(proxies * changes);
  const cpuBefore = cpuMicros([server.pid!]);
  for (let change = 1; change <= changes; change++) {
    const told = all.next(performance.now(), changeLimitMs);
    server.send({ change });
    delays.set(await told, (change - 1) * proxies);
  }
  const cpuMs = (cpuMicros([server.pid!]) - cpuBefore) / 1000 / changes;
  delays.sort();
  const [p50, p99, max] = [0.5, 0.99, 1].map((q) => percentile(delays, q));
  console.log(`${changes} changes: p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms, max ${max.toFixed(0)} ms`);
  console.log(`CPU of the server: ${cpuMs.toFixed(1)} ms for each change`);
  const holds = p99 < limitMs;
  console.log(`${holds ? 'ok  ' : 'FAIL'} p99 ${p99.toFixed(0)} ms (below ${limitMs} ms)`);
  process.exitCode = holds ? 0 : 1;
  all.close();
} finally {
  server.removeAllListeners('exit');
  server.kill('SIGKILL');
}
