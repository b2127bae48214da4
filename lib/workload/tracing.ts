import { settingKey } from '../contract/annotations.ts';
import type { Form } from '../contract/form.ts';
import { noCollector, sampleRate, type TraceProtocol, traceCollector } from '../contract/trace-collector.ts';
import { checkProps } from '../props/check-props.ts';
import { needed, number, type Shape, text } from '../props/form.ts';

/** Where sidecars send the spans of requests. */
export interface TracingOptions {
  /** Host and port of the collector: `collector.tracing.svc.cluster.local.:4317`. */
  readonly collector: string;

  /**
   * Of requests about which nobody has decided, the share of which traces begin at the sidecar, from 0 to 1.
   *
   * @default 0: requests are followed whose headers say so
   */
  readonly sampleRate?: number;

  /**
   * The service account of a collector that is meshed, in the namespace that `collector` names: spans go to that identity
   * alone, encrypted.
   *
   * @default - none: spans are sent in plaintext
   */
  readonly collectorServiceAccount?: string;

  /**
   * What the workload is called in traces.
   *
   * @default - the name of the Deployment, or of whatever else makes its pods
   */
  readonly serviceName?: string;
}

const shape: Shape<TracingOptions> = {
  collector: needed(text),
  sampleRate: number,
  collectorServiceAccount: text,
  serviceName: text,
};

/** Whether requests of workloads are told to a collector, and how. */
export class Tracing {
  /** To a collector that takes OTLP over gRPC, such as OpenTelemetry's or Jaeger: port 4317, as a rule. */
  static otlp(options: TracingOptions): Tracing {
    return new Tracing('opentelemetry', options);
  }

  /** The same over HTTP: port 4318, as a rule. */
  static otlpHttp(options: TracingOptions): Tracing {
    return new Tracing('otlp-http', options);
  }

  /** To Zipkin: port 9411, as a rule. */
  static zipkin(options: TracingOptions): Tracing {
    return new Tracing('zipkin', options);
  }

  /** Not at all, though the mesh or the namespace says so. */
  static off(): Tracing {
    return new Tracing('opentelemetry', { collector: noCollector });
  }

  /** @internal by the name of their settings */
  readonly _settings: Readonly<Record<string, string | undefined>>;

  private constructor(protocol: TraceProtocol, options: TracingOptions) {
    checkProps(shape, options);
    const { collector, sampleRate: rate, collectorServiceAccount, serviceName } = options;
    check('collector', collector, traceCollector);
    if (rate !== undefined) check('sampleRate', String(rate), sampleRate);
    const isOff = collector === noCollector;
    this._settings = {
      'trace-collector': collector,
      'trace-collector-protocol': isOff ? undefined : protocol,
      'trace-collector-service-account': collectorServiceAccount,
      'trace-sample-rate': rate?.toString(),
      'trace-service-name': serviceName,
    };
    for (const [name, value] of Object.entries({ collectorServiceAccount, serviceName })) {
      if (value?.trim() === '')
        throw new Error(`'${name}' ('${value}') must not be empty: leave it out for the default`);
    }
  }

  /** @internal as annotations of a workload, a namespace or the mesh */
  get _annotations(): Record<string, string> {
    const given = Object.entries(this._settings).filter((entry): entry is [string, string] => entry[1] !== undefined);
    return Object.fromEntries(given.map(([name, value]) => [settingKey(name), value]));
  }
}

function check(name: string, value: string, { read, expected }: Form<unknown>): void {
  if (read(value) === undefined) throw new Error(`'${name}' (${value}) must be ${expected}`);
}
