import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Field } from '../../field.ts';
import { FieldTable } from '../../field-table.ts';
import { OutputBuffer } from '../../output-buffer.ts';
import { HpackDecoder, HpackError } from './decoder.ts';
import { HpackEncoder } from './encoder.ts';
import { decodeHuffman, encodeHuffman, huffmanLength } from './huffman.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
const decode = (decoder: HpackDecoder, block: Uint8Array, limit = 65536) => {
  const fields: Field[] = [];
  decoder.decode(block, 0, block.length, fields, limit);
  return fields.map(({ name, value }) => `${name}: ${value}`);
};

describe('Huffman code', () => {
  it('codes as in RFC 7541 appendix C.4', () => {
    const target = new Uint8Array(64);
    const end = encodeHuffman('www.example.com', target, 0);
    expect(Buffer.from(target.subarray(0, end)).toString('hex')).toBe('f1e3c2e5f23a6ba0ab90f4ff');
  });

  it('gives back whatever was coded', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const text = Buffer.from(bytes).toString('latin1');
        const coded = new Uint8Array(huffmanLength(text));
        expect(encodeHuffman(text, coded, 0)).toBe(coded.length);
        const target = new Uint8Array(Math.ceil((coded.length * 8) / 5) + 2);
        const end = decodeHuffman(coded, 0, coded.length, target, 0);
        expect(Buffer.from(target.subarray(0, end)).toString('latin1')).toBe(text);
      }),
    );
  });

  it('refuses padding of zeros, of a whole byte, and the end-of-string symbol', () => {
    for (const coded of ['18', '1fff', 'ffffffff']) {
      expect(() => decodeHuffman(hex(coded), 0, coded.length / 2, new Uint8Array(16), 0), coded).toThrow();
    }
  });
});

describe('HPACK decoder', () => {
  it.each([
    [
      'C.3, without Huffman',
      [
        '828684410f7777772e6578616d706c652e636f6d',
        '828684be58086e6f2d6361636865',
        '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
      ],
    ],
    [
      'C.4, with Huffman',
      [
        '828684418cf1e3c2e5f23a6ba0ab90f4ff',
        '828684be5886a8eb10649cbf',
        '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
      ],
    ],
  ])('decodes the requests of appendix %s', (_name, blocks) => {
    const decoder = new HpackDecoder(new FieldTable(1));
    expect(blocks.map((block) => decode(decoder, hex(block)))).toEqual([
      [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'],
      [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com', 'cache-control: no-cache'],
      [
        ':method: GET',
        ':scheme: https',
        ':path: /index.html',
        ':authority: www.example.com',
        'custom-key: custom-value',
      ],
    ]);
  });

  it('decodes the responses of appendix C.6, with evictions from a table of 256 bytes', () => {
    const decoder = new HpackDecoder(new FieldTable(1), 256);
    const common = [
      'cache-control: private',
      'date: Mon, 21 Oct 2013 20:13:21 GMT',
      'location: https://www.example.com',
    ];
    expect(
      decode(
        decoder,
        hex(
          '488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3',
        ),
      ),
    ).toEqual([':status: 302', ...common]);
    expect(decode(decoder, hex('4883640effc1c0bf'))).toEqual([':status: 307', ...common]);
    expect(
      decode(
        decoder,
        hex(
          '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
        ),
      ),
    ).toEqual([
      ':status: 200',
      'cache-control: private',
      'date: Mon, 21 Oct 2013 20:13:22 GMT',
      'location: https://www.example.com',
      'content-encoding: gzip',
      'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
    ]);
  });

  it.each([
    ['index 0', '80'],
    ['an index beyond the table', 'be'],
    ['a size update above the limit', '3fe21f'],
    ['a size update behind a field', '823f00'],
    ['a string longer than its block', '400a61'],
    ['an integer without end', '7fffffffffffff00'],
    ['an integer cut off', '7f80'],
    ['a block cut off behind the name', '400161'],
  ])('refuses %s', (_name, block) => {
    expect(() => decode(new HpackDecoder(new FieldTable(1)), hex(block))).toThrow(HpackError);
  });

  it('drops a list beyond its limit but keeps the compression state', () => {
    const decoder = new HpackDecoder(new FieldTable(1));
    const fields: Field[] = [];
    expect(decoder.decode(hex('400161026262'), 0, 6, fields, 20)).toBe(false);
    expect(fields).toEqual([]);
    expect(decode(decoder, hex('be'))).toEqual(['a: bb']);
  });

  it('makes of a field that comes again the one that other connections have, but not of what must not be kept', () => {
    const fields = new FieldTable(1);
    const [one, other] = [new HpackDecoder(fields), new HpackDecoder(fields)];
    const literal = (name: string, value: string): Buffer =>
      Buffer.concat([
        Buffer.from([0x40, name.length]),
        Buffer.from(name),
        Buffer.from([value.length]),
        Buffer.from(value),
      ]);
    const read = (decoder: HpackDecoder, block: Uint8Array): Field => {
      const into: Field[] = [];
      decoder.decode(block, 0, block.length, into, 65536);
      return into[0];
    };
    const last = hex('be');
    expect(read(one, literal('x-a', 'v')).interned).toBe(false);
    const again = read(one, last);
    expect([again.name, again.value, again.interned]).toEqual(['x-a', 'v', true]);
    expect([read(one, last), read(other, literal('x-a', 'v'))]).toEqual([again, again]);
    expect(read(one, last)).toBe(again);
    for (const [name, value] of [
      ['cookie', 'secret'],
      ['x-long', 'v'.repeat(100)],
      ['X-Upper', ''],
    ]) {
      read(one, literal(name, value));
      for (let i = 0; i < 3; i++) expect(read(one, last)).toMatchObject({ name, value });
      expect(read(one, last).interned).toBe(name === 'x-long');
    }
  });

  it('survives any bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 20 }), (blocks) => {
        const decoder = new HpackDecoder(new FieldTable(1));
        for (const block of blocks) {
          try {
            decode(decoder, block);
          } catch (error) {
            expect(error).toBeInstanceOf(HpackError);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('HPACK encoder', () => {
  const name = fc.constantFrom(':path', ':status', 'accept', 'x-a', 'x-b', 'cookie', 'content-type');
  const value = fc.constantFrom('', '200', '/', 'a', 'b'.repeat(900), '\xff');
  const blocks = fc.array(fc.array(fc.tuple(name, value), { maxLength: 8 }), { maxLength: 12 });

  it('is understood by the decoder, block after block, with evictions and table size changes', () => {
    fc.assert(
      fc.property(blocks, fc.array(fc.constantFrom(0, 100, 1000, 4096), { maxLength: 12 }), (lists, limits) => {
        const encoder = new HpackEncoder();
        const decoder = new HpackDecoder(new FieldTable(2));
        const table = new FieldTable(1);
        lists.forEach((list, i) => {
          if (limits[i] !== undefined) encoder.setTableLimit(limits[i]);
          const out = new OutputBuffer();
          encoder.begin(out);
          for (const [name, value] of list) {
            const bytes = Buffer.from(name + value, 'latin1');
            encoder.field(out, table.get(bytes, 0, name.length, name.length, bytes.length));
          }
          expect(decode(decoder, out.take())).toEqual(list.map(([name, value]) => `${name}: ${value}`));
        });
      }),
      { numRuns: 300 },
    );
  });

  it('passes a never-indexed literal on as one, however often it comes', () => {
    const decoder = new HpackDecoder(new FieldTable(1));
    const encoder = new HpackEncoder();
    const block = hex('10 05 782d6b6579 06 736563726574');
    for (let i = 0; i < 3; i++) {
      const fields: Field[] = [];
      decoder.decode(block, 0, block.length, fields, 65536);
      const out = new OutputBuffer();
      encoder.begin(out);
      encoder.field(out, fields[0]);
      expect(Buffer.from(out.take()).toString('hex')).toBe(block.toString('hex'));
    }
  });

  it('writes a repeated field in one byte and never indexes a secret', () => {
    const encoder = new HpackEncoder();
    const write = (field: Field) => {
      const out = new OutputBuffer();
      encoder.field(out, field);
      return Buffer.from(out.take());
    };
    const field = new Field('x-a', 'b');
    field.interned = true;
    write(field);
    expect(write(field)).toHaveLength(1);
    const secret = new Field('authorization', 'b', true);
    expect(write(secret)[0] & 0xf0).toBe(0x10);
    expect(write(secret).length).toBeGreaterThan(1);
  });
});
