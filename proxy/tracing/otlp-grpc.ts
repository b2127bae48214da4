import type { ControlClient } from '../control/control-client.ts';
import { GrpcError } from '../control/grpc/grpc-channel.ts';
import { Status } from '../control/grpc/status.ts';
import { encodeOtlp, rejectedSpans } from '../telemetry/trace/otlp.ts';
import type { Resource, Span } from '../telemetry/trace/span.ts';
import type { Collector, Exported } from './collector.ts';

const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

/** After these a batch may be taken another time (opentelemetry.io/docs/specs/otlp, "Failures"). */
const passing: ReadonlySet<number> = new Set([
  Status.cancelled,
  Status.deadlineExceeded,
  Status.resourceExhausted,
  10, // ABORTED
  11, // OUT_OF_RANGE
  Status.unavailable,
  15, // DATA_LOSS
]);

export interface OtlpGrpcOptions {
  address: string;
  client: ControlClient;
  resource: Resource;
  version: string;
}

/** Sends spans by OTLP over gRPC. */
export class OtlpGrpcCollector implements Collector {
  readonly address: string;
  private readonly options: OtlpGrpcOptions;

  constructor(options: OtlpGrpcOptions) {
    this.options = options;
    this.address = options.address;
  }

  async export(spans: readonly Span[], timeoutMs: number): Promise<Exported> {
    const { client, resource, version } = this.options;
    try {
      const response = await client.channel().unaryBytes(path, encodeOtlp(resource, spans, version), timeoutMs);
      return { kind: 'taken', rejected: rejectedSpans(response) };
    } catch (error) {
      if (!(error instanceof GrpcError)) throw error;
      // Its connection may be one that nobody is at the other end of.
      if (error.code === Status.deadlineExceeded) client.close();
      return { kind: passing.has(error.code) ? 'unavailable' : 'refused', detail: error.message };
    }
  }

  close(): void {
    this.options.client.close();
  }
}
