import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A component of the control plane as a process of its own, as the image runs it. */
export interface ControlPlaneProcess {
  /** Of its gRPC services, none before they are served. */
  readonly ports: readonly number[];
  readonly httpsPorts: readonly number[];
  readonly adminPort: number;
  /** What it has logged so far. */
  readonly lines: readonly string[];
  /** Status of its `/ready`. */
  ready(): Promise<number>;
  /** One of its metrics, such as `webhook_ca_bundle_patches_total{webhook="x"}`; 0 when there is none. */
  metric(series: string): Promise<number>;
  /** Status of its `/live`. */
  live(): Promise<number>;
  /** Ends it as the kubelet does, and gives its exit code. */
  stop(): Promise<number | null>;
}

const startLimitMs = 30_000;

/**
 * Starts `main.ts COMPONENT ARGS`, and returns when it logs that it has started, or that it is live. Rejects with the end
 * of its log when it does not come up.
 */
export async function startControlPlane(
  component: string,
  args: readonly string[],
  until: 'started' | 'live' = 'started',
): Promise<ControlPlaneProcess> {
  const main = join(import.meta.dirname, '../../../control-plane/main.ts');
  const child = spawn(process.execPath, [main, component, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const kill = (): boolean => child.kill('SIGKILL');
  process.on('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  const lines: string[] = [];
  const started = await told(child, lines, until).catch((error: Error) => {
    kill();
    throw error;
  });
  const admin = (path: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${started.adminPort}${path}`, { signal: AbortSignal.timeout(5000) });
  return {
    ...started,
    lines,
    ready: async () => (await admin('/ready')).status,
    live: async () => (await admin('/live')).status,
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

/** Flags of the destination component for a kubeconfig, on ports of its own. */
export const destinationArgs = (kubeconfig: string): string[] => [
  '--source=kubernetes',
  `--kubeconfig=${kubeconfig}`,
  ...['addr', 'policy-addr', 'admin-addr', 'sp-validator-addr', 'policy-validator-addr'].map(
    (flag) => `--${flag}=127.0.0.1:0`,
  ),
  '--webhook-names=localhost',
];

interface Told {
  readonly ports: readonly number[];
  readonly httpsPorts: readonly number[];
  readonly adminPort: number;
}

function told(child: ChildProcess, lines: string[], message: string): Promise<Told> {
  return new Promise((resolve, reject) => {
    const fail = (what: string): void => reject(new Error(`${what}: ${lines.slice(-5).join('\n')}`));
    const timer = setTimeout(() => fail(`not ${message} within ${startLimitMs} ms`), startLimitMs);
    child.once('exit', (code) => {
      clearTimeout(timer);
      fail(`ended with ${code}`);
    });
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream! }).on('line', (line) => {
        lines.push(line);
        if (!line.includes(`"msg":"${message}"`)) return;
        clearTimeout(timer);
        resolve({ ports: [], httpsPorts: [], ...(JSON.parse(line) as { adminPort: number }) });
      });
    }
  });
}
