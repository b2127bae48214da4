import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface RunOptions {
  /** Written to standard input. */
  readonly input?: string;
  /** @default 180,000 */
  readonly timeoutMs?: number;
}

export interface Forward {
  readonly port: number;
  stop(): void;
}

/** kubectl on one cluster. Every method rejects with the command and what kubectl said when it fails. */
export class Kubectl {
  private readonly program: string;
  private readonly kubeconfig: string;

  constructor(program: string, kubeconfig: string) {
    this.program = program;
    this.kubeconfig = kubeconfig;
  }

  /** What kubectl printed. */
  async run(args: readonly string[], { input = '', timeoutMs = 180_000 }: RunOptions = {}): Promise<string> {
    const child = this.spawn(args);
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] += text;
      });
    }
    child.stdin.on('error', () => {}); // kubectl may end without reading it; its exit code tells
    child.stdin.end(input);
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
    clearTimeout(timer);
    if (code === 0) return output.stdout;
    const how = signal === null ? `exit code ${code}` : `${signal} after ${timeoutMs} ms`;
    throw new Error(`kubectl ${args.join(' ')}: ${how}: ${output.stderr || output.stdout}`);
  }

  /** An object or list as the API server has it. */
  async get<T = unknown>(args: readonly string[]): Promise<T> {
    return JSON.parse(await this.run(['get', '--output=json', ...args])) as T;
  }

  /** Applies manifests: YAML, or objects. */
  apply(manifests: string | readonly object[], args: readonly string[] = []): Promise<string> {
    const input = typeof manifests === 'string' ? manifests : JSON.stringify(asList(manifests));
    return this.run(['apply', '--filename=-', ...args], { input });
  }

  delete(manifests: string | readonly object[], args: readonly string[] = []): Promise<string> {
    const input = typeof manifests === 'string' ? manifests : JSON.stringify(asList(manifests));
    return this.run(['delete', '--ignore-not-found', '--filename=-', ...args], { input });
  }

  /** Waits until `object` (`pod/web`) meets `condition` (`condition=Ready`, `delete`, `jsonpath={.status.phase}=Failed`). */
  waitFor(object: string, condition: string, namespace: string, timeoutSeconds = 120): Promise<string> {
    const timeout = `--timeout=${timeoutSeconds}s`;
    return this.run(['wait', `--for=${condition}`, timeout, '--namespace', namespace, object]);
  }

  /** Waits until a deployment, daemon set or stateful set (`deployment/web`) runs what its template says. */
  rollout(object: string, namespace: string, timeoutSeconds = 120): Promise<string> {
    const timeout = `--timeout=${timeoutSeconds}s`;
    return this.run(['rollout', 'status', timeout, '--namespace', namespace, object]);
  }

  logs(pod: string, namespace: string, container?: string): Promise<string> {
    const which = container === undefined ? [] : ['--container', container];
    return this.run(['logs', '--namespace', namespace, pod, ...which]);
  }

  /** Runs a command in a container, without a shell, and returns its output. */
  podExec(pod: string, namespace: string, command: readonly string[], container?: string): Promise<string> {
    const which = container === undefined ? [] : ['--container', container];
    return this.run(['exec', '--namespace', namespace, pod, ...which, '--', ...command]);
  }

  /** Forwards a free port of 127.0.0.1 to one of a pod or service (`service/web`). */
  async portForward(object: string, namespace: string, port: number): Promise<Forward> {
    const child = this.spawn(['port-forward', '--namespace', namespace, object, `:${port}`]);
    let output = '';
    const found = await new Promise<number>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`port-forward ${object}: no answer in 30 s: ${output}`)), 30_000);
      const read = (text: string): void => {
        output += text;
        const match = /Forwarding from 127\.0\.0\.1:(\d+)/.exec(output);
        if (!match) return;
        clearTimeout(timer);
        resolve(Number(match[1]));
      };
      child.stdout.setEncoding('utf8').on('data', read);
      child.stderr.setEncoding('utf8').on('data', read);
      child.once('exit', (code) => {
        clearTimeout(timer);
        reject(new Error(`port-forward ${object}: exit code ${code}: ${output}`));
      });
    }).catch((error: unknown) => {
      child.kill('SIGKILL');
      throw error;
    });
    return { port: found, stop: () => child.kill('SIGKILL') };
  }

  private spawn(args: readonly string[]) {
    const env = { ...process.env, KUBECONFIG: this.kubeconfig };
    return spawn(this.program, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  }
}

const asList = (items: readonly object[]) => ({ apiVersion: 'v1', kind: 'List', items });
