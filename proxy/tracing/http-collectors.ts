import { OtlpFormat, rejectedSpans } from '../telemetry/trace/otlp.ts';
import type { Resource } from '../telemetry/trace/span.ts';
import type { SpanFormat } from '../telemetry/trace/span-format.ts';
import { ZipkinFormat } from '../telemetry/trace/zipkin.ts';
import type { Collector, Exported } from './collector.ts';
import { HttpPost, type HttpPostOptions } from './http-post.ts';
import type { EncodedSpans } from './span-queue.ts';

export interface HttpCollectorOptions extends Omit<HttpPostOptions, 'contentType'> {
  resource: Resource;
  version: string;
}

interface Protocol {
  readonly contentType: string;
  readonly format: SpanFormat;
  /** How many of them an answer of success says were not taken. */
  rejected(answer: Uint8Array): number;
}

/** After these a batch may be taken another time (opentelemetry.io/docs/specs/otlp, "Retryable Response Codes"). */
const passing: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** Sends spans in the body of a POST. */
class HttpCollector implements Collector {
  readonly address: string;
  readonly format: SpanFormat;
  private readonly rejected: Protocol['rejected'];
  private readonly post: HttpPost;

  constructor(options: HttpCollectorOptions, { contentType, format, rejected }: Protocol) {
    this.format = format;
    this.rejected = rejected;
    this.post = new HttpPost({ ...options, contentType });
    this.address = `http://${options.address.host}:${options.address.port}${options.path}`;
  }

  async export({ bytes }: EncodedSpans, timeoutMs: number): Promise<Exported> {
    const posted = await this.post.send(bytes, timeoutMs);
    if ('lost' in posted) return { kind: 'unavailable', detail: posted.lost };
    const { status, body } = posted;
    if (status >= 200 && status < 300) return { kind: 'taken', rejected: this.rejected(body) };
    return { kind: passing.has(status) ? 'unavailable' : 'refused', detail: `HTTP status ${status}` };
  }

  close(): void {
    this.post.close();
  }
}

/** OTLP over HTTP, in protobuf. */
export const otlpHttpCollector = (options: HttpCollectorOptions): Collector =>
  new HttpCollector(options, {
    contentType: 'application/x-protobuf',
    format: new OtlpFormat(options.resource, options.version),
    rejected: rejectedSpans,
  });

/** Zipkin's v2 JSON. */
export const zipkinCollector = (options: HttpCollectorOptions): Collector =>
  new HttpCollector(options, {
    contentType: 'application/json',
    format: new ZipkinFormat(options.resource),
    rejected: () => 0,
  });
