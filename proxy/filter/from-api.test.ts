import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { expect, it } from 'vitest';
import { GrpcRoute_FilterSchema, HttpRoute_FilterSchema } from '../../api/gen/outbound_pb.js';
import { requestOf } from '../testing/exchanges.ts';
import { responseHead } from '../wire/heads.ts';
import { Answer, type Filters } from './filter.ts';
import { filtersFromApi } from './from-api.ts';
import { unsupportedFilters } from './unsupported.ts';

type Kind = MessageInitShape<typeof HttpRoute_FilterSchema>['kind'];
type GrpcKind = MessageInitShape<typeof GrpcRoute_FilterSchema>['kind'];

let unread: string[] = [];
function read(prefix: string | undefined, ...kinds: Kind[]): Filters | undefined {
  unread = [];
  const filters = kinds.map((kind) => create(HttpRoute_FilterSchema, { kind }));
  return filtersFromApi(filters, prefix, (why) => unread.push(why));
}
const readGrpc = (kind: GrpcKind) =>
  filtersFromApi([create(GrpcRoute_FilterSchema, { kind })], undefined, (why) => unread.push(why));
const bytes = (text: string) => new TextEncoder().encode(text);
const set = (name: string, value: string) => ({ set: { headers: [{ name, value: bytes(value) }] } });
const always = () => 0.5;

it('no filters are none at all', () => {
  expect(read('')).toBeUndefined();
});

it('filters are applied in their order, until one answers', () => {
  const filters = read(
    '/foo',
    { case: 'requestHeaderModifier', value: set('x', '1') },
    { case: 'requestHeaderModifier', value: set('x', '2') },
    { case: 'urlRewrite', value: { host: 'x.org', path: { replace: { case: 'prefix', value: '/bar' } } } },
    { case: 'redirect', value: { path: { replace: { case: 'prefix', value: '/baz' } } } },
  );
  const answer = filters?.applyToRequest(requestOf({ path: '/foo/a' }), always);
  // What was rewritten does not begin with the prefix any more.
  expect(answer).toMatchObject({ status: 500 });
  const rewritten = read('/foo', { case: 'requestHeaderModifier', value: set('x', '1') })?.applyToRequest(
    requestOf(),
    always,
  );
  expect(rewritten).toMatchObject({ fields: [{ name: 'x', value: '1' }] });
});

it('responses are changed in the same way', () => {
  const filters = read(undefined, { case: 'responseHeaderModifier', value: set('x', 'é') });
  expect(filters?.applyToResponse(responseHead(200, 0), requestOf()).fields).toMatchObject([
    // Bytes of UTF-8, as latin-1 has them.
    { name: 'x', value: 'Ã©' },
  ]);
});

it('a failure has the status and message of its filter, for the share of requests that it is to have', () => {
  const ratio = { numerator: 1, denominator: 4 };
  const filters = read(undefined, { case: 'failureInjector', value: { status: 503, message: 'a\r\nb', ratio } });
  const random = [0, 0.24, 0.25, 0.99];
  const answers = random.map((each) => filters?.applyToRequest(requestOf(), () => each));
  expect(answers.map((answer) => answer instanceof Answer)).toEqual([true, true, false, false]);
  expect(answers[0]).toMatchObject({ status: 503, grpcStatus: 9, message: 'a b', failure: 'injected' });
});

it('a share comes out right over many requests', () => {
  const ratio = { numerator: 1, denominator: 3 };
  const filters = read(undefined, { case: 'failureInjector', value: { status: 503, ratio } });
  let at = 0;
  const failed = Array.from({ length: 30_000 }, () =>
    // Weyl's sequence is spread evenly.
    filters?.applyToRequest(requestOf(), () => {
      at += 0.618_033_988_749_895;
      return at % 1;
    }),
  ).filter((answer) => answer instanceof Answer).length;
  expect(Math.abs(failed / 10_000 - 1)).toBeLessThan(0.01);
});

it('a gRPC failure has its code, and a code that is none is UNKNOWN', () => {
  const code = (given: number) =>
    readGrpc({ case: 'failureInjector', value: { code: given } })?.applyToRequest(requestOf(), always);
  expect([14, 0, 16, 17, 500].map(code)).toMatchObject([14, 0, 16, 2, 2].map((grpcStatus) => ({ grpcStatus })));
});

it('delays add up, each for its share', () => {
  const delay = (ms: number, numerator: number) =>
    ({
      case: 'delay',
      value: { duration: durationFromMs(ms), ratio: { numerator, denominator: 100 } },
    }) as const;
  const filters = read(undefined, delay(100, 100), delay(10, 30));
  expect([0.29, 0.3].map((random) => filters?.delayMs(() => random))).toEqual([110, 100]);
});

it.each<[string, Kind, string]>([
  ['is not known', { case: undefined }, 'a filter of a kind that is not known'],
  ['has a header of framing', { case: 'requestHeaderModifier', value: set('Host', 'x') }, 'the header "Host" must not'],
  [
    'replaces a prefix that no match has',
    { case: 'urlRewrite', value: { path: { replace: { case: 'prefix', value: '/' } } } },
    'a prefix is to be replaced',
  ],
  ['has a path of no kind', { case: 'redirect', value: { path: {} } }, 'a path modifier of a kind'],
  [
    'has a scheme of no kind',
    { case: 'redirect', value: { scheme: { type: { case: 'registered', value: 9 as never } } } },
    'a redirect leads to http or https',
  ],
  ['has a ratio of nothing', { case: 'failureInjector', value: { status: 503, ratio: {} } }, 'a ratio whose'],
  ['has no status', { case: 'failureInjector', value: { status: 99 } }, '99 is no status'],
  ['delays by nothing', { case: 'delay', value: {} }, 'a delay is longer than 0'],
  ['delays for ever', { case: 'delay', value: { duration: durationFromMs(3_600_001) } }, 'a delay is longer than 0'],
])('a filter that %s fails the requests of its rule, and says why', (_, kind, why) => {
  const filters = read(undefined, { case: 'responseHeaderModifier', value: set('x', '1') }, kind);
  expect(filters).toBe(unsupportedFilters);
  expect(filters?.applyToRequest(requestOf(), always)).toMatchObject({ status: 500, message: 'unsupported filter' });
  expect(unread).toEqual([expect.stringContaining(why)]);
});
