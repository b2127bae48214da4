import { readFileSync } from 'node:fs';
import type { Clock } from '../clock.ts';
import type { TracingConfig } from '../config/tracing.ts';
import { readAttributes } from '../config/tracing.ts';
import type { ExchangeObserver } from '../exchange/observers.ts';
import type { EventLoopTurn } from '../net/turn.ts';
import type { Log } from '../telemetry/log.ts';
import type { MetricsRegistry } from '../telemetry/registry.ts';
import type { Resource } from '../telemetry/trace/span.ts';
import type { Collector } from '../tracing/collector.ts';
import { SpanExporter } from '../tracing/exporter.ts';
import { otlpHttpCollector, zipkinCollector } from '../tracing/http-collectors.ts';
import { OtlpGrpcCollector } from '../tracing/otlp-grpc.ts';
import { Tracing } from '../tracing/tracing.ts';
import type { FieldTable } from '../wire/field-table.ts';
import { formatHostPort } from '../wire/ip-network.ts';
import type { ControlPlane } from './control-plane.ts';

export interface TracesOptions {
  clock: Clock;
  log: Log;
  turn: EventLoopTurn;
  fields: FieldTable;
  registry: MetricsRegistry;
  control: ControlPlane;
  version: string;
}

/** How long the end of the proxy waits for the last spans to be taken, in ms. */
const flushMs = 2000;

/** What follows requests, and sends what was seen. */
export interface Traces {
  /** In both directions. */
  readonly observers: readonly ExchangeObserver[];
  /** Sends what is left, and calls `done` in a short while at most. */
  shutdown(done: () => void): void;
}

const noTraces: Traces = { observers: [], shutdown: (done) => done() };

export function tracesOf(config: TracingConfig | undefined, options: TracesOptions): Traces {
  if (config === undefined) return noTraces;
  const { clock, log, registry } = options;
  const collector = collectorOf(config, resourceOf(config, log), options);
  const exporter = new SpanExporter({ collector, registry, log, timers: clock, random: clock.random });
  const { sampleRate } = config;
  return {
    observers: [new Tracing({ clock, sampleRate, record: (span) => exporter.add(span) })],
    shutdown: (done) => exporter.shutdown(flushMs, done),
  };
}

function collectorOf(
  { protocol, collector: address, path }: TracingConfig,
  resource: Resource,
  { turn, fields, clock, control, version }: TracesOptions,
): Collector {
  if (protocol === 'opentelemetry') {
    const shown = formatHostPort(address.host, address.port);
    return new OtlpGrpcCollector({ address: shown, client: control.clientOf(address), resource, version });
  }
  const http = { address, path, tls: () => control.tls, turn, fields, clock, resource, version };
  return protocol === 'zipkin' ? zipkinCollector(http) : otlpHttpCollector(http);
}

/** What was set in the environment stands before labels of the pod. */
function resourceOf({ serviceName, attributesFile, attributes }: TracingConfig, log: Log): Resource {
  const all = new Map([...labelsIn(attributesFile, log), ...attributes]);
  const own = all.get('service.name') ?? serviceName;
  all.delete('service.name');
  return { serviceName: own, attributes: [...all] };
}

function labelsIn(file: string | undefined, log: Log): ReadonlyMap<string, string> {
  if (file === undefined) return new Map();
  try {
    return readAttributes(readFileSync(file, 'utf8'));
  } catch (error) {
    log.warn('attributes of traces cannot be read', { file, cause: (error as Error).message });
    return new Map();
  }
}
