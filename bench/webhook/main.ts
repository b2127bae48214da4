/** Measures the admission webhook: a process of the proxy injector, called by a pool of TLS connections at a constant rate. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { injectConfig } from '../../lib/inject/index.ts';
import { parseNumbers } from '../flags.ts';
import { cpuMicros } from '../measure/processes.ts';
import { openLoop } from './open-loop.ts';
import { podReview } from './pods.ts';
import { startStandInApi } from './stand-in-api.ts';

const {
  rate,
  seconds,
  connections,
  replicas,
  'limit-ms': limitMs,
} = parseNumbers(
  'usage: npm run bench:webhook -- [--rate 500] [--seconds 20] [--connections 25] [--replicas 10] [--limit-ms 20]',
  { rate: 500, seconds: 20, connections: 25, replicas: 10, 'limit-ms': 20 },
);

const startLimitMs = 20_000;
const warmUpSeconds = 2;
const namespaces = Array.from({ length: 10 }, (_, index) => `team-${index}`);

/** Resolves with the port of the webhook, once it is ready. */
async function untilReady(injector: ChildProcess): Promise<number> {
  const started = new Promise<{ https: number; admin: number }>((done, failed) => {
    const lines: string[] = [];
    createInterface({ input: injector.stdout! }).on('line', (line) => {
      lines.push(line);
      const entry = JSON.parse(line) as { msg: string; httpsPorts?: number[]; adminPort?: number };
      if (entry.msg === 'started') done({ https: entry.httpsPorts![0], admin: entry.adminPort! });
    });
    injector.once('exit', (code) =>
      failed(new Error(`the injector ended with ${code}: ${lines.slice(-5).join('; ')}`)),
    );
  });
  const { https, admin } = await started;
  const end = performance.now() + startLimitMs;
  for (;;) {
    const ready = await fetch(`http://127.0.0.1:${admin}/ready`, { signal: AbortSignal.timeout(1000) });
    if (ready.ok) return https;
    if (performance.now() > end) throw new Error(`the injector was not ready within ${startLimitMs} ms`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

/** Without parsing it: the client shares the machine with what it measures. */
function checkAnswer(text: string): void {
  if (!text.includes('"allowed":true') || !text.includes('"patchType":"JSONPatch"')) {
    throw new Error(`not injected: ${text.slice(0, 500)}`);
  }
}

const folder = await mkdtemp(join(tmpdir(), 'tulle-bench-webhook-'));
const api = await startStandInApi(namespaces);
const file = async (name: string, text: string): Promise<string> => {
  await writeFile(join(folder, name), text);
  return join(folder, name);
};
const kubeconfig = await file(
  'kubeconfig',
  JSON.stringify({
    'current-context': 'bench',
    contexts: [{ name: 'bench', context: { cluster: 'bench' } }],
    clusters: [{ name: 'bench', cluster: { server: api.url } }],
  }),
);
const config = await file('values', JSON.stringify(injectConfig()));
const injector = spawn(
  process.execPath,
  [
    resolve(import.meta.dirname, '../../control-plane/main.ts'),
    'proxy-injector',
    '--addr=127.0.0.1:0',
    '--admin-addr=127.0.0.1:0',
    `--config-file=${config}`,
    `--kubeconfig=${kubeconfig}`,
  ],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);

try {
  const port = await untilReady(injector);
  console.log(
    `${availableParallelism()} × ${cpus()[0].model}, load ${loadavg()[0].toFixed(1)}, Node ${process.version}: ` +
      `${rate} pods/s for ${seconds} s over ${connections} connections, ${replicas} pods of each ReplicaSet`,
  );
  const cpuBefore = cpuMicros([injector.pid!]);
  const { answered, p50Ms, p99Ms, maxMs } = await openLoop({
    port,
    ca: Buffer.from(api.caBundle(), 'base64').toString('utf8'),
    serverName: 'tulle-proxy-injector.tulle.svc',
    perSecond: rate,
    seconds,
    connections,
    warmUp: rate * warmUpSeconds,
    body: (index) => podReview(index, namespaces, replicas),
    check: checkAnswer,
  });
  const cpuMs = (cpuMicros([injector.pid!]) - cpuBefore) / 1000 / (rate * (seconds + warmUpSeconds));
  const calls = [...api.calls].map(([call, count]) => `${call} ${count}`).join(', ');
  const [p50, p99, max] = [p50Ms, p99Ms, maxMs].map((ms) => ms.toFixed(1));
  console.log(`${answered} pods injected: p50 ${p50} ms, p99 ${p99} ms, max ${max} ms`);
  console.log(`CPU of the injector: ${cpuMs.toFixed(2)} ms for each pod`);
  console.log(`asked of the API server: ${calls}`);
  const holds = p99Ms < limitMs;
  console.log(`${holds ? 'ok  ' : 'FAIL'} p99 ${p99Ms.toFixed(1)} ms (below ${limitMs} ms)`);
  process.exitCode = holds ? 0 : 1;
} finally {
  injector.removeAllListeners('exit');
  injector.kill('SIGKILL');
  api.close();
  await rm(folder, { recursive: true, force: true });
}
