import type { ControlClient } from '../control/control-client.ts';
import { GrpcError } from '../control/grpc/grpc-channel.ts';
import { Status } from '../control/grpc/status.ts';
import { OtlpFormat, rejectedSpans } from '../telemetry/trace/otlp.ts';
import type { Resource } from '../telemetry/trace/span.ts';
import type { SpanFormat } from '../telemetry/trace/span-format.ts';
import type { Collector, Exported } from './collector.ts';
import type { EncodedSpans } from './span-queue.ts';

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
  readonly format: SpanFormat;
  private readonly client: ControlClient;

  constructor({ address, client, resource, version }: OtlpGrpcOptions) {
    this.address = address;
    this.client = client;
    this.format = new OtlpFormat(resource, version);
  }

  async export({ bytes }: EncodedSpans, timeoutMs: number): Promise<Exported> {
    const { client } = this;
    try {
      const response = await client.channel().unaryBytes(path, bytes, timeoutMs);
      return { kind: 'taken', rejected: rejectedSpans(response) };
    } catch (error) {
      if (!(error instanceof GrpcError)) throw error;
      // Its connection may be one that nobody is at the other end of.
      if (error.code === Status.deadlineExceeded) client.close();
      return { kind: passing.has(error.code) ? 'unavailable' : 'refused', detail: error.message };
    }
  }

  close(): void {
    this.client.close();
  }
}
