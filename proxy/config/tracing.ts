import type { ControlAddress } from '../control/control-address.ts';
import type { EnvParser } from '../env-parser.ts';
import { splitHostPort } from '../wire/host-port.ts';

export const traceProtocols = ['opentelemetry', 'otlp-http', 'zipkin'] as const;
export type TraceProtocol = (typeof traceProtocols)[number];

export interface TracingConfig {
  /** `TRACE_COLLECTOR_SVC_ADDR`, and `TRACE_COLLECTOR_SVC_NAME`: the identity that it must prove; plaintext without. */
  readonly collector: ControlAddress;
  /** `TRACE_PROTOCOL`: OTLP over gRPC, as Linkerd's proxies speak it, OTLP over HTTP, or Zipkin's. Default opentelemetry. */
  readonly protocol: TraceProtocol;
  /** `TRACE_COLLECTOR_PATH`: where spans are posted to. Default /v1/traces, of Zipkin /api/v2/spans. */
  readonly path: string;
  /** `TRACE_SERVICE_NAME`: what this workload is called in traces. Default linkerd-proxy. */
  readonly serviceName: string;
  /** `TRACE_ATTRIBUTES_PATH`: a file of lines such as `app="web"`, labels of the pod, which spans tell. Default: none. */
  readonly attributesFile: string | undefined;
  /** `TRACE_EXTRA_ATTRIBUTES`, of the same form, and `OTEL_RESOURCE_ATTRIBUTES` (`team=shop,rack=7`): told besides. */
  readonly attributes: ReadonlyMap<string, string>;
  /**
   * `TRACE_SAMPLE_RATE`: of requests that come without a decision of somebody else, the share of which traces begin here,
   * from 0 to 1. Default 0: only who asks for it by the headers of a request is followed.
   */
  readonly sampleRate: number;
}

const paths: Readonly<Record<TraceProtocol, string>> = {
  opentelemetry: '',
  'otlp-http': '/v1/traces',
  zipkin: '/api/v2/spans',
};

/** Undefined: nothing is traced. `otelAttributes` is what OpenTelemetry's own variable says. */
export function tracingConfig(env: EnvParser, otelAttributes: string | undefined): TracingConfig | undefined {
  const text = env.text('TRACE_COLLECTOR_SVC_ADDR');
  const serverName = env.text('TRACE_COLLECTOR_SVC_NAME');
  const protocol = env.choice('TRACE_PROTOCOL', traceProtocols, 'opentelemetry');
  const config = {
    protocol,
    path: tracePath(env, paths[protocol]),
    serviceName: env.text('TRACE_SERVICE_NAME') ?? 'linkerd-proxy',
    attributesFile: env.text('TRACE_ATTRIBUTES_PATH'),
    attributes: new Map([
      ...readAttributes(env.text('TRACE_EXTRA_ATTRIBUTES') ?? ''),
      ...readAttributes((otelAttributes ?? '').replaceAll(',', '\n')),
    ]),
    sampleRate: env.share('TRACE_SAMPLE_RATE', 0),
  };
  if (text === undefined) return undefined;
  const address = splitHostPort(text);
  if (address === undefined || address.port === 0) {
    env.bad(
      'TRACE_COLLECTOR_SVC_ADDR',
      text,
      'must be a host and port such as collector.tracing.svc.cluster.local.:4317',
    );
    return undefined;
  }
  return { collector: { ...address, serverName }, ...config };
}

function tracePath(env: EnvParser, fallback: string): string {
  const path = env.text('TRACE_COLLECTOR_PATH');
  if (path === undefined) return fallback;
  if (!/^\/[\x21-\x7e]*$/.test(path)) env.bad('TRACE_COLLECTOR_PATH', path, 'must be a path such as /v1/traces');
  return path;
}

/** More than a pod has labels. */
const mostAttributes = 128;
const longestAttribute = 256;

/** Lines of `name=value`, the value in quotes or not, as the downward API writes labels; other lines are passed over. */
export function readAttributes(text: string): Map<string, string> {
  const attributes = new Map<string, string>();
  for (const line of text.split('\n', mostAttributes)) {
    const at = line.indexOf('=');
    if (at < 1) continue;
    const value = line
      .slice(at + 1)
      .trim()
      .replace(/^"(.*)"$/, '$1');
    attributes.set(line.slice(0, at).trim().slice(0, longestAttribute), value.slice(0, longestAttribute));
  }
  return attributes;
}
