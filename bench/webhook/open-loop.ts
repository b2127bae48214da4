import { Agent, request } from 'node:https';
import { percentile } from '../measure/statistics.ts';

export interface LoadOptions {
  readonly port: number;
  /** PEM of the authority, and the name that the certificate is for. */
  readonly ca: string;
  readonly serverName: string;
  readonly perSecond: number;
  readonly seconds: number;
  readonly connections: number;
  /** Sent before anything is measured. */
  readonly warmUp: number;
  readonly body: (index: number) => string;
  /** Throws when an answer is not what it should be. */
  readonly check: (answer: string) => void;
}

export interface LoadResult {
  readonly answered: number;
  /** From when a call was due to its whole answer. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Sends calls at a constant rate, each at its own time, whatever the answers do. Rejects with the first that fails. */
export async function openLoop(options: LoadOptions): Promise<LoadResult> {
  const { port, ca, serverName, perSecond, seconds, connections, warmUp, body, check } = options;
  const agent = new Agent({ ca, servername: serverName, keepAlive: true, maxSockets: connections });
  const latencies: number[] = [];
  const total = warmUp + perSecond * seconds;
  const startMs = performance.now();
  const calls: Promise<void>[] = [];
  const send = async (index: number, dueMs: number): Promise<void> => {
    check(await post(agent, port, body(index)));
    if (index >= warmUp) latencies.push(performance.now() - dueMs);
  };
  let failed: Error | undefined;
  for (let sent = 0; sent < total && failed === undefined; ) {
    const due = Math.min(total, Math.floor(((performance.now() - startMs) * perSecond) / 1000) + 1);
    for (; sent < due; sent++) {
      const call = send(sent, startMs + (sent * 1000) / perSecond);
      call.catch((error: Error) => {
        failed ??= error;
      });
      calls.push(call);
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  try {
    await Promise.all(calls);
  } finally {
    agent.destroy();
  }
  const sorted = latencies.sort((a, b) => a - b);
  return {
    answered: sorted.length,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    maxMs: sorted[sorted.length - 1],
  };
}

function post(agent: Agent, port: number, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        agent,
        host: '127.0.0.1',
        port,
        path: '/?timeout=10s',
        method: 'POST',
        timeout: 10_000,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          if (response.statusCode === 200) resolve(text);
          else reject(new Error(`${response.statusCode}: ${text}`));
        });
      },
    );
    call.on('timeout', () => call.destroy(new Error('no answer within 10 s')));
    call.on('error', reject);
    call.end(body);
  });
}
