import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { create, createRegistry, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, StructSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { ServerReflection, ServerReflectionRequestSchema } from '../../../api/gen/reflection_pb.js';
import { TapBody_Side, TapBody_State, TapBodySchema } from '../../../api/gen/tulle_pb.js';
import { type DecodedBody, decodeBody, isProtobuf } from './decode.ts';
import { noTypes } from './descriptors.ts';

type Told = MessageInitShape<typeof TapBodySchema>;
const types = createRegistry(ServerReflection);
const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';

const decoded = (data: Uint8Array | string, told: Told = {}, known = types): DecodedBody =>
  decodeBody(
    create(TapBodySchema, { ...{ data: Buffer.from(data), length: BigInt(data.length), path }, ...told } as Told),
    known,
  );
const [json, grpc] = [{ contentType: 'application/json' }, { contentType: 'application/grpc' }];
const message = toBinary(
  ServerReflectionRequestSchema,
  create(ServerReflectionRequestSchema, { host: 'here', messageRequest: { case: 'fileByFilename', value: 'a.proto' } }),
);
const framed = (bytes: Uint8Array, { flag = 0, length = bytes.length } = {}): Buffer => {
  const prefix = Buffer.alloc(5, flag);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, bytes]);
};

describe('a body', () => {
  it.each<[string, Uint8Array | string, Told, object]>([
    ['JSON', '{"a":[1,"x"]}', json, { json: { a: [1, 'x'] } }],
    ['JSON of another name', '[]', { contentType: 'Application/Problem+JSON; charset=utf-8' }, { json: [] }],
    ['no JSON, though it says so', '{"a":', json, { text: '{"a":' }],
    ['JSON that is cut', '{"a":"é', { ...json, state: TapBody_State.CUT }, { text: '{"a":"é' }],
    ['text', 'a=1&b=2', { contentType: 'application/x-www-form-urlencoded' }, { text: 'a=1&b=2' }],
    ['text of no declared type', 'plain', {}, { text: 'plain' }],
    [
      'text in another charset',
      Buffer.from('\xe9', 'latin1'),
      { contentType: 'text/plain; charset=latin1' },
      { text: 'é' },
    ],
    ['text in a charset that is none', 'é', { contentType: 'text/plain; charset=nonsense' }, { text: 'é' }],
    ['bytes', Buffer.from([0xff, 0xfe, 0x01]), {}, { note: 'no text' }],
    ['bytes that are text by chance', Buffer.from([65, 0, 66]), {}, { note: 'no text' }],
    [
      'Protobuf',
      message,
      { contentType: 'application/x-protobuf' },
      { json: { host: 'here', fileByFilename: 'a.proto' } },
    ],
  ])('that is %s is shown as that', (_, data, told, shown) => {
    expect(decoded(data, told).parts).toMatchObject([shown]);
  });

  it('that is cut within a character is shown up to that', () => {
    const data = Buffer.from('aé').subarray(0, 2);
    expect(decoded(data, { state: TapBody_State.CUT }).parts).toEqual([{ text: 'a' }]);
  });

  it('keeps numbers as they were written', () => {
    const text = '{"id":9007199254740993123,"price":1.50}';
    expect(JSON.stringify(decoded(text, json).parts[0].json)).toBe(text);
  });

  it.each([
    [TapBody_State.CUT, 'cut here'],
    [TapBody_State.BROKEN, 'it broke off here'],
    [TapBody_State.NO_ROOM, 'the sidecar had no room for more of it'],
    [TapBody_State.PASSED, 'it had passed before the request was found'],
    [99 as TapBody_State, 'it is not whole'],
  ])('that is not all there says why: %s', (state, note) => {
    expect(decoded('abc', { state }).note).toBe(note);
    expect(decoded('', { state, length: 70n })).toMatchObject({ note, length: 70, parts: [] });
  });

  it('of bytes that nobody reads is told by its size', () => {
    expect(decoded('', { contentType: 'image/png', length: 70n, side: TapBody_Side.RESPONSE })).toEqual({
      of: 'response',
      length: 70,
      contentType: 'image/png',
      parts: [{ note: 'no text' }],
    });
  });
});

describe('what was compressed', () => {
  const text = '{"a":"é"}'.repeat(50);
  it.each<[string, Uint8Array]>([
    ['gzip', gzipSync(text)],
    ['X-GZIP', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
    ['br', brotliCompressSync(text)],
    ['zstd', zstdCompressSync(text)],
    ['identity', Buffer.from(text)],
  ])('by %s is expanded', (contentEncoding, data) => {
    expect(decoded(data, { contentEncoding }).parts).toEqual([{ text }]);
  });

  it.each<[string, Uint8Array, string]>([
    ['zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x70, 1, 0, 0]), 'that is no zstd'],
    ['gzip', Buffer.from('not so'), 'that is no gzip'],
    ['gzip, br', gzipSync(text), 'in an encoding that is not known here'],
    ['constructor', gzipSync(text), 'in an encoding that is not known here'],
    ['gzip', gzipSync(Buffer.alloc(10_000_000)), 'that expands to more than 262144 B'],
    ['br', brotliCompressSync(Buffer.alloc(10_000_000)), 'that expands to more than 262144 B'],
    ['zstd', zstdCompressSync(Buffer.alloc(10_000_000)), 'that expands to more than 262144 B'],
  ])('by %s and cannot be expanded says so', (contentEncoding, data, note) => {
    expect(decoded(data, { contentEncoding })).toMatchObject({ encoding: contentEncoding, parts: [{ note }] });
  });

  it('and is cut off is expanded as far as it is there', () => {
    const long = Array.from({ length: 2000 }, (_, i) => `line ${i * 7919}`).join('\n');
    for (const [contentEncoding, whole] of [
      ['gzip', gzipSync(long)],
      ['br', brotliCompressSync(long)],
    ] as const) {
      const data = whole.subarray(0, whole.length - 100);
      const [part] = decoded(data, { contentEncoding, state: TapBody_State.CUT }).parts;
      expect(part.text?.length, contentEncoding).toBeGreaterThan(1000);
      expect(long.startsWith(part.text ?? '')).toBe(true);
    }
  });
});

describe('messages of gRPC', () => {
  const type = 'grpc.reflection.v1.ServerReflectionRequest';
  const shown = { host: 'here', fileByFilename: 'a.proto' };

  it('are told one by one, by the method that they are for', () => {
    const data = Buffer.concat([framed(message), framed(new Uint8Array(0)), framed(message)]);
    expect(decoded(data, grpc).parts).toEqual([
      { type, length: 15, json: shown },
      { type, length: 0, json: {} },
      { type, length: 15, json: shown },
    ]);
    const [{ type: answer }] = decoded(framed(new Uint8Array(0)), { ...grpc, side: TapBody_Side.RESPONSE }).parts;
    expect(answer).toBe('grpc.reflection.v1.ServerReflectionResponse');
  });

  it('that are cut off are shown as far as their fields are whole', () => {
    const cut = framed(message).subarray(0, 5 + 12);
    expect(decoded(cut, { ...grpc, state: TapBody_State.CUT }).parts).toEqual([
      { type, length: 15, json: { host: 'here' }, note: 'cut after 12 of 15 B' },
    ]);
    const none = framed(message).subarray(0, 5 + 3);
    expect(decoded(none, { ...grpc, state: TapBody_State.CUT }, noTypes).parts).toEqual([
      { length: 15, note: 'cut after 3 of 15 B' },
    ]);
    expect(decoded(framed(message).subarray(0, 3), grpc).parts).toEqual([]);
  });

  it('that were compressed one by one say by what, and are expanded where that is known', () => {
    const data = Buffer.concat([framed(gzipSync(message), { flag: 1 }), framed(message)]);
    expect(decoded(data, { ...grpc, grpcEncoding: 'gzip' }).parts).toMatchObject([
      { compressed: 'gzip', type, json: shown },
      { type, json: shown },
    ]);
    expect(decoded(framed(message, { flag: 1 }), { ...grpc, grpcEncoding: 'snappy' }).parts).toMatchObject([
      { compressed: 'snappy', note: 'in an encoding that is not known here' },
    ]);
  });

  it.each([
    ['that expand to too much', brotliCompressSync(Buffer.alloc(1_000_000)), 'that expands to more than 262144 B'],
    ['that cannot be expanded', Buffer.from('not so'), 'that is no br'],
  ])('%s are not tried one after the other', (_which, first, note) => {
    const small = framed(brotliCompressSync(message), { flag: 1 });
    const data = Buffer.concat([framed(first, { flag: 1 }), small, framed(message)]);
    expect(decoded(data, { ...grpc, grpcEncoding: 'br' }).parts).toMatchObject([
      { note },
      { note: 'that is not expanded: what came before it is as much as is shown' },
      { type, json: shown },
    ]);
  });

  it('of which nobody knows the type are told by field', () => {
    const known = toBinary(
      FileDescriptorProtoSchema,
      create(FileDescriptorProtoSchema, {
        name: 'a"b',
        messageType: [{ name: '\u0001\u00ff' }],
        publicDependency: [7],
      }),
    );
    expect(decoded(framed(known), { ...grpc, path: '/other.Service/Call' }, noTypes).parts).toEqual([
      {
        length: known.length,
        fields: [
          { field: 1, wire: 'bytes', value: 'a"b' },
          { field: 4, wire: 'bytes', length: 5 },
          { field: 10, wire: 'varint', value: '7' },
        ],
      },
    ]);
    expect(decoded(framed(Buffer.from([0x0d, 1, 0, 0, 0])), grpc, noTypes).parts).toMatchObject([
      { fields: [{ field: 1, wire: '32-bit', value: '1' }] },
    ]);
  });

  it('that are none of their type say so', () => {
    const other = Buffer.from([0x0a, 1, 0xff]);
    expect(decoded(framed(other), grpc).parts).toEqual([
      { length: 3, fields: [{ field: 1, wire: 'bytes', length: 1 }], note: `it is no ${type}` },
    ]);
    expect(decoded(framed(Buffer.from([0xff])), grpc).parts).toMatchObject([{ note: 'it is no message of Protobuf' }]);
  });

  it('are known by their content types', () => {
    const kinds = ['application/grpc', 'application/grpc+proto; x=y', 'application/connect+proto', 'application/proto'];
    expect(kinds.map(isProtobuf)).toEqual([true, true, true, true]);
    expect(['application/json', 'application/grpc+json', 'text/plain', ''].map(isProtobuf)).toEqual(
      Array(4).fill(false),
    );
    expect(decoded(framed(Buffer.from('{}')), { contentType: 'application/grpc+json' }).parts).toMatchObject([
      { text: '{}' },
    ]);
  });
});

describe('a hostile body', () => {
  it('is no deeper than what can be written again', () => {
    const text = '['.repeat(8000) + ']'.repeat(8000);
    expect(decoded(text, json).parts).toEqual([{ text }]);
    // Of a type that holds itself, too.
    let deep = create(StructSchema, { fields: {} });
    for (let i = 0; i < 200; i++) {
      deep = create(StructSchema, { fields: { a: { kind: { case: 'structValue', value: deep } } } });
    }
    expect(() => decoded(framed(toBinary(StructSchema, deep)), grpc)).not.toThrow();
  });

  it('that expands again and again does so once', () => {
    const bomb = framed(gzipSync(Buffer.alloc(200_000)), { flag: 1 });
    const data = gzipSync(Buffer.concat(Array.from({ length: 800 }, () => bomb)));
    const { parts } = decoded(data, { ...grpc, grpcEncoding: 'gzip', contentEncoding: 'gzip' });
    expect(parts.filter(({ note }) => note !== 'it is no message of Protobuf').length).toBeGreaterThan(700);
  });

  it('of many messages or fields is shown by the first of them', () => {
    const many = gzipSync(Buffer.concat(Array.from({ length: 5000 }, () => framed(new Uint8Array(0)))));
    expect(decoded(many, { ...grpc, contentEncoding: 'gzip' }).parts).toHaveLength(1000);
    const [{ fields, note }] = decoded(framed(Buffer.alloc(4000, Buffer.from([8, 1]))), grpc, noTypes).parts;
    expect([fields?.length, note]).toEqual([1000, 'and 1000 fields more']);
  });

  it('of any bytes at all is decoded to something', () => {
    let seed = 7;
    const random = (): number => {
      seed = (seed * 1103515245 + 12345) % 2 ** 31;
      return seed;
    };
    for (let i = 0; i < 60; i++) {
      const data = Buffer.from(Array.from({ length: random() % 60 }, () => random() % 256));
      for (const contentType of ['application/grpc', 'application/json', 'application/proto', '']) {
        for (const contentEncoding of ['', 'gzip', 'deflate', 'br', 'zstd']) {
          expect(() =>
            JSON.stringify(decoded(data, { contentType, contentEncoding, grpcEncoding: 'gzip' })),
          ).not.toThrow();
        }
      }
    }
  });
});
