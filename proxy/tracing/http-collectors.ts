import { encodeOtlp, rejectedSpans } from '../telemetry/trace/otlp.ts';
import type { Resource, Span } from '../telemetry/trace/span.ts';
import { encodeZipkin } from '../telemetry/trace/zipkin.ts';
import type { Collector, Exported } from './collector.ts';
import { HttpPost, type HttpPostOptions } from './http-post.ts';

export interface HttpCollectorOptions extends Omit<HttpPostOptions, 'contentType'> {
  resource: Resource;
  version: string;
}

interface Format {
  readonly contentType: string;
  encode(spans: readonly Span[]): Uint8Array;
  /** How many of them an answer of success says were not taken. */
  rejected(answer: Uint8Array): number;
}

/** After these a batch may be taken another time (opentelemetry.io/docs/specs/otlp, "Retryable Response Codes"). */
const passing: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** Sends spans in the body of a POST. */
class HttpCollector implements Collector {
  readonly address: string;
  private readonly format: Format;
  private readonly post: HttpPost;

  constructor(options: HttpCollectorOptions, format: Format) {
    this.format = format;
    this.post = new HttpPost({ ...options, contentType: format.contentType });
    this.address = `http://${options.address.host}:${options.address.port}${options.path}`;
  }

  async export(spans: readonly Span[], timeoutMs: number): Promise<Exported> {
    const posted = await this.post.send(this.format.encode(spans), timeoutMs);
    if ('lost' in posted) return { kind: 'unavailable', detail: posted.lost };
    const { status, body } = posted;
    if (status >= 200 && status < 300) return { kind: 'taken', rejected: this.format.rejected(body) };
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
    encode: (spans) => encodeOtlp(options.resource, spans, options.version),
    rejected: rejectedSpans,
  });

/** Zipkin's v2 JSON. */
export const zipkinCollector = (options: HttpCollectorOptions): Collector =>
  new HttpCollector(options, {
    contentType: 'application/json',
    encode: (spans) => Buffer.from(encodeZipkin(options.resource, spans)),
    rejected: () => 0,
  });
