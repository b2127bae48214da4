import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, it, vi } from 'vitest';
import { TapEventSchema } from '../../api/gen/tap_pb.js';
import { TapBodies, TapBodySchema } from '../../api/gen/tulle_pb.js';
import { decodeBody } from './body/decode.ts';
import { noTypes } from './body/descriptors.ts';
import { bodyBytesOf } from './body-options.ts';
import { InOrder } from './in-order.ts';
import { MissingBodies } from './missing-bodies.ts';
import { TapPrinter } from './printer.ts';
import { bodyLines } from './render-body.ts';

const ip = (value: number) => ({ ip: { case: 'ipv4' as const, value } });
const flow = { source: { ip: ip(0x0a00_0001), port: 4000 }, destination: { ip: ip(0x0a00_0002), port: 8080 } };

function eventOf(data: Uint8Array | string, told: MessageInitShape<typeof TapBodySchema> = {}) {
  const bytes = Buffer.from(data);
  const body = create(TapBodySchema, {
    base: 7,
    stream: 42n,
    data: bytes,
    length: BigInt(bytes.length),
    ...told,
  } as never);
  return create(TapEventSchema, {
    ...flow,
    sourceMeta: { labels: { tls: 'true' } },
    proxyDirection: 1,
    event: { case: 'http', value: { event: { case: 'body', value: body } } },
  });
}
const bodyIn = (event: ReturnType<typeof eventOf>) =>
  (event.event.value?.event.case === 'body' ? event.event.value.event.value : undefined)!;
const lines = (...args: Parameters<typeof eventOf>): string[] => {
  const event = eventOf(...args);
  return bodyLines(event, bodyIn(event), decodeBody(bodyIn(event), noTypes), undefined).split('\n');
};
const head = 'body id=7:42 proxy=in  src=10.0.0.1:4000 dst=10.0.0.2:8080 tls=true of=request';

it('a body is a line of whose it is, and one of what stands in it', () => {
  expect(lines('{ "a": "b" }', { contentType: 'application/json' })).toEqual([
    `${head} length=12B type=application/json`,
    '    {"a":"b"}',
  ]);
  expect(lines('', { contentType: 'image/png', length: 9n })).toEqual([
    `${head} length=9B type=image/png`,
    '    (no text)',
  ]);
  expect(lines('not it', { contentType: 'text/plain', contentEncoding: 'gzip', state: 1 })).toEqual([
    `${head} length=6B type=text/plain encoding=gzip (cut here)`,
    '    (that is no gzip)',
  ]);
});

it('messages of gRPC are a line each, the first twenty of them', () => {
  const message = Buffer.from([0, 0, 0, 0, 4, 0x0a, 1, 65, 0]);
  const text = Buffer.from([0, 0, 0, 0, 5, 0x0a, 1, 65, 0x10, 7]);
  const empty = Buffer.alloc(5);
  expect(lines(Buffer.concat([text, empty, message]), { contentType: 'application/grpc' }).slice(1)).toEqual([
    '    1:bytes="A" 2:varint=7',
    '    (empty)',
    '    (it is no message of Protobuf)',
  ]);
  const many = lines(Buffer.alloc(5 * 25), { contentType: 'application/grpc' });
  expect([many.length, many.at(-1)]).toEqual([22, '    … and 5 messages more']);
});

it('what others sent moves no cursor, turns no text round and makes no line', () => {
  const hostile = '\u001b[2J\u009b31m\r\nend id=1:1\u202egnp.\u2028\u{e0041}\ufeff\u007f';
  const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
  for (const [data, contentType] of [
    [hostile, 'text/plain'],
    [JSON.stringify({ [hostile]: hostile }), 'application/json'],
    [
      Buffer.concat([
        Buffer.from([0, 0, 0, 0, 2 + Buffer.byteLength(hostile), 10, Buffer.byteLength(hostile)]),
        Buffer.from(hostile),
      ]),
      'application/grpc',
    ],
    ['x', `text/plain${hostile}`],
  ] as const) {
    const shown = lines(data, { contentType });
    expect(shown).toHaveLength(2);
    expect(shown.slice(1).join(''), contentType).not.toMatch(unseen);
    expect(shown[0]).not.toMatch(/\p{Cc}/u);
  }
  expect(lines(hostile, { contentType: 'text/plain' })[1]).toBe(
    '    \\u001b[2J\\u009b31m\\r\\nend id=1:1\\u202egnp.\\u2028\\udb40\\udc41\\ufeff\\u007f',
  );
});

it('a long one is cut for who reads, not for programs', () => {
  const [, text] = lines('x'.repeat(5000));
  expect(text).toBe(`    ${'x'.repeat(2000)}… (3000 more)`);
});

it('JSON has what stands in it, and nothing that a terminal would act on', () => {
  const out: string[] = [];
  const types = { of: () => noTypes };
  const printer = new TapPrinter({ form: 'json', kind: 'deployment', types, out: (text) => out.push(text) });
  printer.take(eventOf('{"a":"\u009b31m"}', { contentType: 'application/json', side: 1 }));
  expect(out[0]).not.toMatch(/(?!\n)\p{Cc}/u);
  expect(JSON.parse(out[0])).toMatchObject({
    proxyDirection: 'INBOUND',
    bodyEvent: {
      ...{ id: { base: 7, stream: 42 }, of: 'response', length: 13, contentType: 'application/json' },
      parts: [{ json: { a: '\u009b31m' } }],
    },
  });
});

it('events keep their order behind one that takes its time, and are left out when too many come meanwhile', async () => {
  const shown: number[] = [];
  const first = Promise.withResolvers<void>();
  const events = new InOrder<number>((event) => {
    if (event === 1) return first.promise.then(() => void shown.push(event));
    shown.push(event);
    return undefined;
  });
  for (let i = 0; i < 1003; i++) events.push(i);
  expect([shown, events.leftOut]).toEqual([[0], 2]);
  first.resolve();
  await events.settled();
  expect(shown).toEqual(Array.from({ length: 1001 }, (_, i) => i));
  events.push(1003);
  expect(shown.at(-1)).toBe(1003);
});

it('why there are no bodies is said once', () => {
  const init = (bodies: TapBodies, pod?: string) =>
    create(TapEventSchema, {
      ...{ ...flow, bodies, proxyDirection: 1 },
      ...(pod === undefined ? {} : { destinationMeta: { labels: { pod } } }),
      event: { case: 'http', value: { event: { case: 'requestInit', value: {} } } },
    });
  const said = (...events: ReturnType<typeof init>[]): string[] => {
    const warn = vi.fn();
    const missing = new MissingBodies(warn);
    for (const event of events) missing.look(event);
    return warn.mock.calls.flat();
  };
  expect(said(init(TapBodies.TOLD), eventOf('x'))).toEqual([]);
  expect(said(init(TapBodies.NOT_ALLOWED, 'web-1'), init(TapBodies.NOT_ALLOWED, 'web-2'))).toEqual([
    'the sidecar of web-1 lets nobody see bodies: pods that do have the annotation config.tulle.dev/tap-bodies: enabled',
  ]);
  expect(said(init(TapBodies.UNKNOWN))).toEqual(['a sidecar is of a version that tells of no bodies']);
});

it('options that are of no use without --bodies say so', () => {
  const reflection = true;
  expect(bodyBytesOf({ reflection })).toBeUndefined();
  expect(bodyBytesOf({ bodies: true, reflection })).toBe(4096);
  expect(bodyBytesOf({ bodies: true, bodyBytes: 7, reflection })).toBe(7);
  expect(() => bodyBytesOf({ bodyBytes: 7, reflection })).toThrow('--body-bytes is for bodies: add --bodies');
  expect(() => bodyBytesOf({ descriptors: 'x', reflection })).toThrow('--descriptors is for bodies: add --bodies');
});
