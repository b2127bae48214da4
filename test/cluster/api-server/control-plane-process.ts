import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A component of the control plane as a process of its own, as the image runs it. */
export interface ControlPlaneProcess {
  readonly httpsPorts: readonly number[];
  readonly adminPort: number;
  /** What it has logged so far. */
  readonly lines: readonly string[];
  /** Status of its `/ready`. */
  ready(): Promise<number>;
  /** One of its metrics, such as `webhook_ca_bundle_patches_total{webhook="x"}`; 0 when there is none. */
  metric(series: string): Promise<number>;
  /** Ends it as the kubelet does, and gives its exit code. */
  stop(): Promise<number | null>;
}

const startLimitMs = 30_000;

/** Starts `main.ts COMPONENT ARGS`. Rejects with the end of its log when it does not come up. */
export async function startControlPlane(component: string, args: readonly string[]): Promise<ControlPlaneProcess> {
  const main = join(import.meta.dirname, '../../../control-plane/main.ts');
  const child = spawn(process.execPath, [main, component, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const kill = (): boolean => child.kill('SIGKILL');
  process.on('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  const lines: string[] = [];
  const started = await until(child, lines).catch((error: Error) => {
    kill();
    throw error;
  });
  const admin = (path: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${started.adminPort}${path}`, { signal: AbortSignal.timeout(5000) });
  return {
    ...started,
    lines,
    ready: async () => (await admin('/ready')).status,
    async metric(series) {
      const text = await (await admin('/metrics')).text();
      const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
      return line === undefined ? 0 : Number(line.slice(series.length + 1));
    },
    stop() {
      if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
      const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      const timer = setTimeout(kill, 10_000);
      return ended.finally(() => clearTimeout(timer));
    },
  };
}

function until(child: ChildProcess, lines: string[]): Promise<{ httpsPorts: number[]; adminPort: number }> {
  return new Promise((resolve, reject) => {
    const fail = (what: string): void => reject(new Error(`${what}: ${lines.slice(-5).join('\n')}`));
    const timer = setTimeout(() => fail(`not started within ${startLimitMs} ms`), startLimitMs);
    child.once('exit', (code) => fail(`ended with ${code}`));
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream! }).on('line', (line) => {
        lines.push(line);
        if (!line.includes('"msg":"started"')) return;
        clearTimeout(timer);
        resolve(JSON.parse(line) as { httpsPorts: number[]; adminPort: number });
      });
    }
  });
}
