import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../proxy/test-mesh.ts';
import { type ReceivedSpan, readZipkin } from './collectors.ts';
import { jaegerProgram } from './jaeger/jaeger-program.ts';

const zipkinVersion = '3.5.1';

/** A real server of traces, and what it answers who asks it. */
export interface TraceServer {
  /** Where it takes spans by a protocol of the proxy's. */
  readonly ports: Readonly<Record<string, number>>;
  /** The spans of a trace as its query API tells them, with their times in microseconds. */
  trace(traceId: string): Promise<readonly StoredSpan[]>;
  stop(): Promise<void>;
}

export interface StoredSpan extends ReceivedSpan {
  readonly startUs: number;
  readonly durationUs: number;
}

export type Started = { readonly server: TraceServer } | { readonly missing: string };

/** Zipkin, from Maven's cache or fetched there once; `missing` says why there is none. */
export async function startZipkin(): Promise<Started> {
  const name = `zipkin-server-${zipkinVersion}-exec.jar`;
  const jar = join(homedir(), '.m2/repository/io/zipkin/zipkin-server', zipkinVersion, name);
  const run = promisify(execFile);
  try {
    await run('java', ['-version']);
    if (!existsSync(jar)) {
      const artifact = `io.zipkin:zipkin-server:${zipkinVersion}:jar:exec`;
      const args = ['-q', '-B', 'dependency:get', `-Dartifact=${artifact}`, '-Dtransitive=false'];
      await run('mvn', args, { timeout: 240_000 });
    }
  } catch (error) {
    return { missing: `Zipkin needs Java, and Maven to fetch it: ${(error as Error).message.split('\n')[0]}` };
  }
  const port = await freePort();
  const child = spawn('java', ['-Xmx256m', '-jar', jar], {
    env: { ...process.env, QUERY_PORT: `${port}`, SELF_TRACING_ENABLED: 'false' },
    stdio: 'ignore',
  });
  const url = `http://127.0.0.1:${port}`;
  await reachable(child, `${url}/health`);
  return {
    server: {
      ports: { zipkin: port },
      trace: async (traceId) => {
        const response = await fetch(`${url}/api/v2/trace/${traceId}`);
        if (!response.ok) return [];
        const body = await response.text();
        const times = JSON.parse(body) as { timestamp: number; duration: number }[];
        return readZipkin(body).map((span, i) => ({
          ...span,
          startUs: times[i].timestamp,
          durationUs: times[i].duration,
        }));
      },
      stop: () => ended(child),
    },
  };
}

interface JaegerSpan {
  readonly traceID: string;
  readonly spanID: string;
  readonly operationName: string;
  readonly startTime: number;
  readonly duration: number;
  readonly processID: string;
  readonly references: readonly { readonly refType: string; readonly spanID: string }[];
  readonly tags: readonly { readonly key: string; readonly value: unknown }[];
}

interface JaegerTrace {
  readonly spans: readonly JaegerSpan[];
  readonly processes: Readonly<Record<string, { readonly serviceName: string }>>;
}

/** Jaeger, built by Go; `missing` says why there is none. */
export async function startJaeger(): Promise<Started> {
  const built = await jaegerProgram();
  if ('missing' in built) return { missing: `Jaeger: ${built.missing}` };
  const [grpc, http, query, admin, ...others] = await Promise.all(Array.from({ length: 7 }, freePort));
  const at = (option: string, port: number): string => `--${option}=127.0.0.1:${port}`;
  const child = spawn(
    built.path,
    [
      at('collector.otlp.grpc.host-port', grpc),
      at('collector.otlp.http.host-port', http),
      at('query.http-server.host-port', query),
      at('admin.http.host-port', admin),
      at('collector.grpc-server.host-port', others[0]),
      at('collector.http-server.host-port', others[1]),
      at('query.grpc-server.host-port', others[2]),
    ],
    { stdio: 'ignore' },
  );
  await reachable(child, `http://127.0.0.1:${query}/api/services`);
  return {
    server: {
      ports: { opentelemetry: grpc, 'otlp-http': http },
      trace: async (traceId) => {
        const response = await fetch(`http://127.0.0.1:${query}/api/traces/${traceId}`);
        if (!response.ok) return [];
        const { data } = (await response.json()) as { data: readonly JaegerTrace[] };
        return data.flatMap(({ spans, processes }) => spans.map((span) => storedSpan(span, processes)));
      },
      stop: () => ended(child),
    },
  };
}

function storedSpan(span: JaegerSpan, processes: JaegerTrace['processes']): StoredSpan {
  const attributes = Object.fromEntries(span.tags.map(({ key, value }) => [key, String(value)]));
  return {
    traceId: span.traceID,
    spanId: span.spanID,
    parentId: span.references.find(({ refType }) => refType === 'CHILD_OF')?.spanID ?? '',
    kind: (attributes['span.kind'] ?? 'internal') as StoredSpan['kind'],
    name: span.operationName,
    service: processes[span.processID].serviceName,
    isError: attributes['error'] === 'true',
    attributes,
    startUs: span.startTime,
    durationUs: span.duration,
  };
}

/** Java takes its time. */
const startMs = 60_000;

async function reachable(child: ChildProcess, url: string): Promise<void> {
  const deadlineMs = performance.now() + startMs;
  while (child.exitCode === null && performance.now() < deadlineMs) {
    const isThere = await fetch(url).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isThere) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await ended(child);
  throw new Error(`${child.spawnfile} did not answer at ${url}`);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const over = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await over;
}
