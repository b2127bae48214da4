import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Field } from '../../wire/field.ts';
import { contextFields, Propagation, readContext, type SentContext, wayBeside, withoutContext } from './context.ts';
import { IdSource, type SpanId, spanIdAt, type TraceId, traceIdAt } from './ids.ts';

type Header = readonly [name: string, value: string];

const fieldsOf = (...headers: readonly Header[]): Field[] => headers.map(([name, value]) => new Field(name, value));
const received = (...headers: readonly Header[]) => readContext(fieldsOf(...headers));
/** With ids as texts. */
const read = (...headers: readonly Header[]) => {
  const { context, ...others } = received(...headers);
  const ids = { traceId: context?.traceId?.toString(), spanId: context?.spanId?.toString() };
  return { context: context && { ...context, ...ids }, ...others };
};
const sent = (...headers: readonly Header[]) => received(...headers).context as SentContext;

const traceId = '12345678901234567890123456789012';
const spanId = '1234567890123456';

const hex = (length: number) =>
  fc
    .string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length })
    .filter((text) => /[^0]/.test(text));

const traceIds = hex(32).map((digits) => traceIdAt(digits, 0) as TraceId);
const spanIds = hex(16).map((digits) => spanIdAt(digits, 0) as SpanId);
const contexts: fc.Arbitrary<SentContext> = fc.record({
  traceId: traceIds,
  spanId: spanIds,
  sampled: fc.boolean(),
  isRandom: fc.constant(false),
  isShort: fc.constant(false),
  isDebug: fc.constant(false),
});
const someWays = fc.integer({ min: 1, max: 15 });

describe('traceparent', () => {
  // The cases of the W3C's own suite (w3c/trace-context test/test.py), whose servers begin a new trace for the broken ones.
  const good = [
    `00-${traceId}-${spanId}-01`,
    `cc-${traceId}-${spanId}-01`,
    `cc-${traceId}-${spanId}-01-what-the-future-will-be-like`,
    `00-${traceId}-${spanId}-ff`,
    `00-ffffffffffffffffffffffffffffffff-ffffffffffffffff-00`,
  ];
  const broken = [
    `00-${traceId}-${spanId}-01.`,
    `00-${traceId}-${spanId}-01-what-the-future-will-be-like`,
    `cc-${traceId}-${spanId}-01.what-the-future-will-be-like`,
    `ff-${traceId}-${spanId}-01`,
    `.0-${traceId}-${spanId}-01`,
    `0.-${traceId}-${spanId}-01`,
    `000-${traceId}-${spanId}-01`,
    `0000-${traceId}-${spanId}-01`,
    `0-${traceId}-${spanId}-01`,
    `00-00000000000000000000000000000000-${spanId}-01`,
    `00-.2345678901234567890123456789012-${spanId}-01`,
    `00-1234567890123456789012345678901.-${spanId}-01`,
    `00-123456789012345678901234567890123-${spanId}-01`,
    `00-1234567890123456789012345678901-${spanId}-01`,
    `00-${traceId}-0000000000000000-01`,
    `00-${traceId}-.234567890123456-01`,
    `00-${traceId}-123456789012345.-01`,
    `00-${traceId}-12345678901234567-01`,
    `00-${traceId}-123456789012345-01`,
    `00-${traceId}-${spanId}-.0`,
    `00-${traceId}-${spanId}-0.`,
    `00-${traceId}-${spanId}-001`,
    `00-${traceId}-${spanId}-1`,
    `00-${traceId.replace('1', 'A')}-${spanId}-01`,
    `00-${traceId}-${spanId}-01-`,
    '',
    `cc-${traceId}-${spanId}-01-${'x'.repeat(2000)}`,
  ];

  it.each(good)('%s is read', (value) => {
    const { context, ways } = read(['traceparent', value]);
    expect(context).toMatchObject({ traceId: value.slice(3, 35), spanId: value.slice(36, 52) });
    expect(ways).toBe(Propagation.w3c);
  });

  it.each(broken)('%s says nothing', (value) => {
    expect(read(['traceparent', value])).toMatchObject({ context: undefined, ways: 0, taken: Propagation.w3c });
  });

  it('says nothing when it is there twice, were it the same', () => {
    const header: Header = ['traceparent', `00-${traceId}-${spanId}-01`];
    expect(read(header, header).context).toBeUndefined();
  });

  it('keeps of the flags that a trace is recorded and that its id is random', () => {
    const context = sent(['traceparent', `00-${traceId}-${spanId}-ff`]);
    expect(contextFields(Propagation.w3c, context, undefined)[0].value).toBe(`00-${traceId}-${spanId}-03`);
  });
});

describe('tracestate', () => {
  const state = (...values: string[]): string =>
    read(['traceparent', `00-${traceId}-${spanId}-00`], ...values.map((value): Header => ['tracestate', value])).state;
  const many = (count: number): string => Array.from({ length: count }, (_, i) => `bar${i}=${i}`).join(',');

  it('is that of all its fields, in their order', () => {
    expect(state('foo=1,bar=2', 'rojo=1,congo=2', 'baz=3')).toBe('foo=1,bar=2,rojo=1,congo=2,baz=3');
    expect(state('foo=1 \t , \t bar=2, \t baz=3', '')).toBe('foo=1,bar=2,baz=3');
    expect(state(many(32))).toBe(many(32));
  });

  it.each([
    'foo=1,foo=2',
    'foo =1',
    'FOO=1',
    'foo.bar=1',
    'foo@=1,bar=2',
    '@foo=1,bar=2',
    'foo@@bar=1,bar=2',
    'foo@bar@baz=1,bar=2',
    'foo=bar=baz',
    'foo=,bar=3',
    many(33),
    `${'z'.repeat(257)}=1`,
    `${'t'.repeat(242)}@v=1`,
    `t@${'v'.repeat(15)}=1`,
    `foo=${'1'.repeat(600)}`,
    'nothing',
  ])('%s is not told in spans', (value) => {
    expect(state(value)).toBe('');
  });

  it('says nothing without a traceparent', () => {
    expect(received(['tracestate', 'foo=1'])).toEqual({ context: undefined, ways: 0, taken: 0, state: '' });
  });
});

describe('B3', () => {
  const short = 'a3ce929d0e0e4736';

  // Examples of openzipkin/b3-propagation.
  it.each([
    ['80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90', true, false],
    ['80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1', true, false],
    ['80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-0', false, false],
    ['80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-d', true, true],
    ['80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1', undefined, false],
  ])('b3: %s is read', (value, sampled, isDebug) => {
    const ids = { traceId: '80f198ee56343ba864fe8b2a57d3eff7', spanId: 'e457b5a2e4d86bd1' };
    expect(read(['b3', value]).context).toMatchObject({ ...ids, sampled, isDebug });
  });

  it.each([
    ['0', false],
    ['1', true],
    ['d', true],
  ])('b3: %s decides, and names no trace', (value, sampled) => {
    expect(read(['b3', value]).context).toMatchObject({ traceId: undefined, spanId: undefined, sampled });
  });

  it.each([
    '',
    '-',
    '2',
    '-1',
    `${traceId}`,
    `${traceId}-`,
    `${traceId}-${spanId}-`,
    `${traceId}-${spanId}-2`,
    `${traceId}-${spanId}-1-`,
    `${traceId}-${spanId}-1-${spanId}-`,
    `${traceId}-${spanId}-1-0000000000000000`,
    `${traceId}1-${spanId}-1`,
    `${'0'.repeat(16)}-${spanId}-1`,
    `${traceId}-${'0'.repeat(16)}-1`,
  ])('b3: %s says nothing', (value) => {
    expect(read(['b3', value])).toMatchObject({ context: undefined, ways: 0, taken: Propagation.b3 });
  });

  it('writes an id of 16 digits as it came', () => {
    const headers: Header[] = [
      ['x-b3-traceid', short],
      ['x-b3-spanid', spanId],
      ['x-b3-sampled', '1'],
    ];
    const { context, ways } = read(...headers);
    expect(context).toMatchObject({ traceId: `0000000000000000${short}`, isShort: true });
    expect(
      contextFields(ways, sent(...headers), sent(...headers).spanId).map(({ name, value }) => [name, value]),
    ).toEqual([
      ['x-b3-traceid', short],
      ['x-b3-spanid', spanId],
      ['x-b3-parentspanid', spanId],
      ['x-b3-sampled', '1'],
    ]);
  });

  it.each([
    [[['x-b3-sampled', '0']], { traceId: undefined, sampled: false }],
    [[['x-b3-sampled', 'true']], { traceId: undefined, sampled: true }],
    [[['x-b3-flags', '1']], { traceId: undefined, sampled: true, isDebug: true }],
  ] as const)('%s decides, and names no trace', (headers, context) => {
    expect(read(...headers).context).toMatchObject(context);
  });

  it.each([
    [[['x-b3-traceid', traceId]]],
    [[['x-b3-spanid', spanId]]],
    [[['x-b3-parentspanid', spanId]]],
    [[['x-b3-sampled', '2']]],
    [[['x-b3-sampled', 'd']]],
    [
      [
        ['x-b3-traceid', traceId],
        ['x-b3-traceid', traceId],
        ['x-b3-spanid', spanId],
      ],
    ],
    [
      [
        ['x-b3-traceid', traceId],
        ['x-b3-spanid', spanId],
        ['x-b3-flags', '7'],
      ],
    ],
  ] as readonly (readonly [readonly Header[]])[])('%s say nothing', (headers) => {
    expect(read(...headers)).toMatchObject({ context: undefined, taken: Propagation.b3Fields });
  });
});

describe('grpc-trace-bin', () => {
  // The example of OpenCensus's description of the format.
  const example = [
    [0],
    [0, 75, 249, 47, 53, 119, 179, 77, 166, 163, 206, 146, 157, 0, 14, 71, 54],
    [1, 52, 240, 103, 170, 11, 169, 2, 183],
    [2, 1],
  ].flat();
  const encoded = (bytes: readonly number[]): Header => ['grpc-trace-bin', Buffer.from(bytes).toString('base64')];
  const context = { traceId: '4bf92f3577b34da6a3ce929d000e4736', spanId: '34f067aa0ba902b7', sampled: true };

  it('is read and written as its description says', () => {
    expect(read(encoded(example)).context).toMatchObject(context);
    expect(contextFields(Propagation.grpc, sent(encoded(example)), undefined)[0].value).toBe(encoded(example)[1]);
  });

  it('is read without padding, and as far as its fields are known', () => {
    const [name, value] = encoded(example);
    expect(read([name, value.replace(/=+$/, '')]).context).toMatchObject(context);
    expect(read(encoded([...example, 9, 1, 2, 3])).context).toMatchObject(context);
    expect(read(encoded(example.slice(0, -2))).context).toMatchObject({ ...context, sampled: undefined });
  });

  it.each([
    encoded([]),
    encoded([1, ...example.slice(1)]),
    encoded(example.slice(0, 20)),
    encoded(example.slice(0, 18)),
    encoded([0, 9, ...example.slice(1)]),
    encoded(new Array(40).fill(0)),
    encoded([...example, ...new Array(200).fill(9)]),
    ['grpc-trace-bin', '!!!'],
  ] as const)('%s: %s says nothing', (...header) => {
    expect(read(header)).toMatchObject({ context: undefined, taken: Propagation.grpc });
  });
});

describe('contexts in several ways', () => {
  it('are all told the next hop by, where they tell of one trace', () => {
    fc.assert(
      fc.property(contexts, spanIds, someWays, (context, parentId, ways) => {
        expect(readContext(contextFields(ways, context, parentId))).toEqual({ context, ways, taken: ways, state: '' });
      }),
    );
  });

  it('leave those of another trace as they are', () => {
    const other = `${'f'.repeat(32)}-${spanId}-1`;
    expect(read(['b3', other], ['traceparent', `00-${traceId}-${spanId}-01`])).toMatchObject({
      context: { traceId },
      ways: Propagation.w3c,
      taken: Propagation.w3c | Propagation.b3,
    });
  });

  it('are found behind one that is broken', () => {
    expect(read(['traceparent', 'broken'], ['b3', `${traceId}-${spanId}-1`])).toMatchObject({
      context: { traceId },
      ways: Propagation.b3,
    });
  });

  it('are taken out by the ways in which they are told, and nothing else is', () => {
    const names = fc.constantFrom(
      'traceparent',
      'tracestate',
      'b3',
      'x-b3-traceid',
      'x-b3-other',
      'grpc-trace-bin',
      'a',
    );
    fc.assert(
      fc.property(fc.array(names), someWays, (list, ways) => {
        const rest = withoutContext(fieldsOf(...list.map((name): Header => [name, '1'])), ways);
        expect(readContext(rest).taken & ways).toBe(0);
        const others = new Set(['tracestate', 'x-b3-other', 'a']);
        const kept = (name: string): boolean => others.has(name);
        expect(rest.map(({ name }) => name).filter(kept)).toEqual(list.filter(kept));
      }),
    );
  });

  it('of a new trace stand beside what cannot be read, in a way that is not taken', () => {
    expect(wayBeside(0)).toBe(Propagation.w3c);
    expect(wayBeside(Propagation.w3c)).toBe(Propagation.b3);
    expect(wayBeside(Propagation.w3c | Propagation.b3)).toBe(Propagation.grpc);
    expect(wayBeside(15)).toBe(0);
  });
});

const traceIdForm = expect.stringMatching(/^(?!0*$)[0-9a-f]{32}$/);
const spanIdForm = expect.stringMatching(/^(?!0*$)[0-9a-f]{16}$/);

it('whatever the fields say, a context has ids of the right form or none', () => {
  const part = fc.oneof(hex(16), hex(32), fc.constantFrom('-', '00', '01', '1', 'd', ''), fc.string());
  const value = fc.oneof(
    fc.array(part, { maxLength: 9 }).map((parts) => parts.join('')),
    fc.array(part, { maxLength: 5 }).map((parts) => parts.join('-')),
    fc.base64String(),
  );
  const name = fc.constantFrom(
    ...[
      'traceparent',
      'tracestate',
      'b3',
      'grpc-trace-bin',
      'x-b3-traceid',
      'x-b3-spanid',
      'x-b3-sampled',
      'x-b3-flags',
    ],
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 40 }), (headers) => {
      const { context, ways, taken, state } = read(...headers);
      expect(ways & ~taken).toBe(0);
      expect(state.length).toBeLessThanOrEqual(512);
      if (context === undefined) expect(ways).toBe(0);
      else if (context.traceId === undefined)
        expect(context).toMatchObject({ spanId: undefined, sampled: expect.any(Boolean) });
      else expect([context.traceId, context.spanId]).toEqual([traceIdForm, spanIdForm]);
    }),
    { numRuns: 2000 },
  );
});

it('new ids are of the right form, whatever chance gives', () => {
  fc.assert(
    fc.property(fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })), (stream) => {
      const ids = new IdSource(() => stream.next().value as number);
      expect([`${ids.traceId()}`, `${ids.spanId()}`]).toEqual([traceIdForm, spanIdForm]);
    }),
  );
  const zeros = new IdSource(() => 0);
  expect([`${zeros.traceId()}`, `${zeros.spanId()}`]).toEqual([traceIdForm, spanIdForm]);
});

it('new ids are others, however many are made', () => {
  const ids = new IdSource(Math.random);
  const made = Array.from({ length: 300 }, (_, i) => (i % 3 === 0 ? ids.traceId() : ids.spanId()));
  expect(new Set(made.flatMap((id) => `${id}`.match(/.{16}/g))).size).toBe(400);
});
