import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ExportTraceServiceRequestSchema,
  ExportTraceServiceResponseSchema,
  type KeyValue,
} from '../../../test/clients/gen/otlp_pb.js';
import { OutputBuffer } from '../../wire/output-buffer.ts';
import { SpanId, TraceId } from './ids.ts';
import { OtlpFormat, rejectedSpans } from './otlp.ts';
import { type Attribute, AttributeSet, bounded, excerpt, type Span } from './span.ts';
import type { SpanFormat } from './span-format.ts';
import { ZipkinFormat } from './zipkin.ts';

const resource = { serviceName: 'web', attributes: [['k8s.pod.name', 'web-1']] as Attribute[] };

const span: Span = {
  traceId: new TraceId(0x4bf92f35, 0x77b34da6, 0xa3ce929d | 0, 0x000e4736),
  spanId: new SpanId(0x34f067aa, 0x0ba902b7),
  parentId: new SpanId(0x00f067aa, 0x0ba902b7),
  state: 'foo=1',
  kind: 'server',
  name: 'GET',
  startMs: 1_767_225_600_123.456,
  endMs: 1_767_225_600_125.5,
  attributes: [new AttributeSet([['url.path', '/']]), new AttributeSet([['http.response.status_code', 503]], false)],
  error: '503',
  peer: { address: '10.0.0.7', port: 4711 },
};

/** What a collector is sent of `spans`. */
function sent(format: SpanFormat, spans: readonly Span[]): Uint8Array {
  const out = new OutputBuffer();
  out.length = out.reserve(format.frontBytes) + format.frontBytes;
  for (const each of spans) format.encode(out, each);
  return format.batch(out);
}

const value = ({ value: any }: KeyValue): unknown => any?.value.value;
const attributesOf = (list: readonly KeyValue[]): unknown[] => list.map((pair) => [pair.key, value(pair)]);

describe('OTLP', () => {
  const read = (spans: readonly Span[]) =>
    fromBinary(ExportTraceServiceRequestSchema, sent(new OtlpFormat(resource, '1.2.3'), spans)).resourceSpans[0];

  it('is what another reader takes for the same span', () => {
    const { resource: of, scopeSpans } = read([span]);
    expect(attributesOf(of?.attributes ?? [])).toEqual([
      ['service.name', 'web'],
      ['k8s.pod.name', 'web-1'],
    ]);
    expect(scopeSpans[0].scope).toMatchObject({ name: 'tulle-proxy', version: '1.2.3' });
    const [got] = scopeSpans[0].spans;
    expect(got).toMatchObject({
      traceId: Uint8Array.from(Buffer.from('4bf92f3577b34da6a3ce929d000e4736', 'hex')),
      spanId: Uint8Array.from(Buffer.from('34f067aa0ba902b7', 'hex')),
      parentSpanId: Uint8Array.from(Buffer.from('00f067aa0ba902b7', 'hex')),
      traceState: 'foo=1',
      name: 'GET',
      kind: 2,
      startTimeUnixNano: 1_767_225_600_123_456_000n,
      endTimeUnixNano: 1_767_225_600_125_500_000n,
      status: { code: 2, message: '503' },
    });
    expect(attributesOf(got.attributes)).toEqual([
      ['url.path', '/'],
      ['http.response.status_code', 503n],
    ]);
  });

  it('has no parent, state or status where a span has none', () => {
    const [got] = read([{ ...span, parentId: undefined, state: '', error: undefined }]).scopeSpans[0].spans;
    expect([got.parentSpanId.length, got.traceState, got.status]).toEqual([0, '', undefined]);
  });

  it('says the same whatever is in its texts, however long they are and however many there are', () => {
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.integer({ min: 0, max: 70_000 }).map((length) => 'é'.repeat(length)),
    );
    const attributes = fc.array(fc.tuple(fc.string({ minLength: 1 }), fc.oneof(texts, fc.maxSafeNat())), {
      maxLength: 5,
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string(), attributes), { maxLength: 20 }), fc.boolean(), (many, comesAgain) => {
        const spans = many.map(
          ([name, list]): Span => ({ ...span, name, attributes: [new AttributeSet(list, comesAgain)] }),
        );
        const got = read(spans).scopeSpans[0].spans;
        expect(got.map((each) => [each.name, attributesOf(each.attributes)])).toEqual(
          many.map(([name, list]) => [
            name,
            list.map(([key, told]) => [key, typeof told === 'number' ? BigInt(told) : told.toWellFormed()]),
          ]),
        );
      }),
      { numRuns: 50 },
    );
  });

  it('is told how many spans were not taken', () => {
    const answer = (rejected: bigint): Uint8Array =>
      toBinary(
        ExportTraceServiceResponseSchema,
        create(ExportTraceServiceResponseSchema, {
          partialSuccess: { rejectedSpans: rejected, errorMessage: 'too old' },
        }),
      );
    expect([rejectedSpans(answer(300n)), rejectedSpans(answer(0n)), rejectedSpans(new Uint8Array(0))]).toEqual([
      300, 0, 0,
    ]);
  });

  it('takes whatever a collector answers', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(rejectedSpans(bytes)).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe('Zipkin', () => {
  const read = (spans: readonly Span[]): object[] =>
    JSON.parse(Buffer.from(sent(new ZipkinFormat(resource), spans)).toString()) as object[];

  it('is told a span as its API has it', () => {
    expect(read([span])).toEqual([
      {
        traceId: '4bf92f3577b34da6a3ce929d000e4736',
        id: '34f067aa0ba902b7',
        parentId: '00f067aa0ba902b7',
        kind: 'SERVER',
        name: 'GET',
        timestamp: 1_767_225_600_123_456,
        duration: 2044,
        localEndpoint: { serviceName: 'web' },
        remoteEndpoint: { ipv4: '10.0.0.7', port: 4711 },
        tags: { 'k8s.pod.name': 'web-1', 'url.path': '/', 'http.response.status_code': '503', error: '503' },
      },
    ]);
  });

  it('is told no parent, kind, peer or error where a span has none', () => {
    const plain = {
      ...span,
      parentId: undefined,
      kind: 'internal',
      error: undefined,
      peer: undefined,
      endMs: span.startMs,
    };
    const [got] = read([plain as Span]);
    expect(Object.keys(got)).toEqual(['traceId', 'id', 'name', 'timestamp', 'duration', 'localEndpoint', 'tags']);
    expect(got).toMatchObject({ duration: 1 });
  });

  it('is told the same whatever is in texts of peers, of many spans and of none', () => {
    const texts = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(fc.array(fc.tuple(texts, texts, fc.boolean()), { minLength: 1 }), (many) => {
        const spans = many.map(
          ([name, path, comesAgain]): Span => ({
            ...{ ...span, name, error: undefined },
            attributes: [new AttributeSet([['url.path', path]], comesAgain)],
          }),
        );
        expect(read(spans)).toMatchObject(many.map(([name, path]) => ({ name, tags: { 'url.path': path } })));
      }),
      { numRuns: 50 },
    );
  });

  it('is told of a span without a tag', () => {
    const bare = new ZipkinFormat({ serviceName: 'web', attributes: [] });
    const spans = [{ ...span, attributes: [], error: undefined }, span];
    expect(JSON.parse(Buffer.from(sent(bare, spans)).toString())).toMatchObject([
      { tags: {} },
      { id: `${span.spanId}` },
    ]);
  });

  it('is told addresses of IPv6 as such', () => {
    const peer = { address: '2001:db8::1', port: 0 };
    expect(read([{ ...span, peer }])).toMatchObject([{ remoteEndpoint: { ipv6: '2001:db8::1' } }]);
    expect(read([{ ...span, peer }])[0]).not.toHaveProperty('remoteEndpoint.port');
  });
});

it('texts of peers are cut', () => {
  expect([bounded('x'.repeat(20), 8), bounded('é', 8)]).toEqual(['xxxxxxxx', 'é']);
  const path = `/shop.Voting/Vote?${'q'.repeat(9000)}`;
  expect([excerpt(path, 0, 17, 1024), excerpt(path, 1, 12, 6), excerpt('/a/b', 3, 4, 8)]).toEqual([
    '/shop.Voting/Vote',
    'shop.V',
    'b',
  ]);
});
