import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ExportTraceServiceRequestSchema,
  ExportTraceServiceResponseSchema,
  type KeyValue,
} from '../../../test/clients/gen/otlp_pb.js';
import { encodeOtlp, rejectedSpans } from './otlp.ts';
import { type Attribute, bounded, excerpt, type Span, sizeOf } from './span.ts';
import { encodeZipkin } from './zipkin.ts';

const resource = { serviceName: 'web', attributes: [['k8s.pod.name', 'web-1']] as Attribute[] };

const span: Span = {
  traceId: '4bf92f3577b34da6a3ce929d000e4736',
  spanId: '34f067aa0ba902b7',
  parentId: '00f067aa0ba902b7',
  state: 'foo=1',
  kind: 'server',
  name: 'GET',
  startMs: 1_767_225_600_123.456,
  endMs: 1_767_225_600_125.5,
  attributes: [
    ['url.path', '/'],
    ['http.response.status_code', 503],
  ],
  error: '503',
  peer: { address: '10.0.0.7', port: 4711 },
  size: 600,
};

const value = ({ value: any }: KeyValue): unknown => any?.value.value;
const attributesOf = (list: readonly KeyValue[]): unknown[] => list.map((pair) => [pair.key, value(pair)]);

describe('OTLP', () => {
  const read = (spans: readonly Span[]) =>
    fromBinary(ExportTraceServiceRequestSchema, encodeOtlp(resource, spans, '1.2.3')).resourceSpans[0];

  it('is what another reader takes for the same span', () => {
    const { resource: of, scopeSpans } = read([span]);
    expect(attributesOf(of?.attributes ?? [])).toEqual([
      ['service.name', 'web'],
      ['k8s.pod.name', 'web-1'],
    ]);
    expect(scopeSpans[0].scope).toMatchObject({ name: 'tulle-proxy', version: '1.2.3' });
    const [got] = scopeSpans[0].spans;
    expect(got).toMatchObject({
      traceId: Uint8Array.from(Buffer.from(span.traceId, 'hex')),
      spanId: Uint8Array.from(Buffer.from(span.spanId, 'hex')),
      parentSpanId: Uint8Array.from(Buffer.from(span.parentId, 'hex')),
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
    const [got] = read([{ ...span, parentId: '', state: '', error: undefined }]).scopeSpans[0].spans;
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
      fc.property(fc.array(fc.tuple(fc.string(), attributes), { maxLength: 20 }), (many) => {
        const spans = many.map(([name, list]): Span => ({ ...span, name, attributes: list }));
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
  it('is told a span as its API has it', () => {
    expect(JSON.parse(encodeZipkin(resource, [span]))).toEqual([
      {
        traceId: span.traceId,
        id: span.spanId,
        parentId: span.parentId,
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
    const plain = { ...span, parentId: '', kind: 'internal', error: undefined, peer: undefined, endMs: span.startMs };
    const [got] = JSON.parse(encodeZipkin(resource, [plain as Span])) as [object];
    expect(Object.keys(got)).toEqual(['traceId', 'id', 'name', 'timestamp', 'duration', 'localEndpoint', 'tags']);
    expect(got).toMatchObject({ duration: 1 });
  });

  it('is told addresses of IPv6 as such', () => {
    const peer = { address: '2001:db8::1', port: 0 };
    const [got] = JSON.parse(encodeZipkin(resource, [{ ...span, peer }])) as [{ remoteEndpoint: object }];
    expect(got.remoteEndpoint).toEqual({ ipv6: '2001:db8::1' });
  });
});

it('texts of peers are cut, and counted', () => {
  expect([bounded('x'.repeat(20), 8), bounded('é', 8)]).toEqual(['xxxxxxxx', 'é']);
  const path = `/shop.Voting/Vote?${'q'.repeat(9000)}`;
  expect([excerpt(path, 0, 17, 1024), excerpt(path, 1, 12, 6), excerpt('/a/b', 3, 4, 8)]).toEqual([
    '/shop.Voting/Vote',
    'shop.V',
    'b',
  ]);
  expect(
    sizeOf('GET', [
      ['url.path', 'x'.repeat(100)],
      ['n', 1],
    ]),
  ).toBe(615);
});
