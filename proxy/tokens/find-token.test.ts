import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Field, marksOfAll } from '../wire/field.ts';
import type { RequestHead } from '../wire/stream.ts';
import { findToken, withoutTokensAt } from './find-token.ts';
import type { TokenPlace, TokenSpot } from './token-policy.ts';

const bearer: TokenSpot = { kind: 'header', name: 'authorization', prefix: 'Bearer ' };
const param: TokenSpot = { kind: 'param', name: 'token' };
const cookie: TokenSpot = { kind: 'cookie', name: 'session' };
const head = (path: string, ...fields: [string, string][]): RequestHead => {
  const all = fields.map(([name, value]) => new Field(name, value));
  const rest = { scheme: 'http', authority: 'a', contentLength: -1, upgrade: undefined, absoluteForm: false };
  return { method: 'GET', path, ...rest, fields: all, marks: marksOfAll(all) };
};
const place = (spot: TokenSpot): TokenPlace => ({ spot, rules: [] });
const found = (spots: TokenSpot[], request: RequestHead) => {
  const token = findToken(spots.map(place), request);
  return typeof token === 'object' ? token.token : token;
};

it.each([
  ['Bearer a.b.c', 'a.b.c'],
  ['bearer   a.b.c', 'a.b.c'],
  ['BEARER\ta', 'a'],
  ['Bearer', ''],
  ['Bearer a, Bearer b', 'a, Bearer b'],
  ['Bearera', undefined],
  ['Basic abc', undefined],
  ['', undefined],
])('authorization: %s has the token %j', (value, token) => {
  expect(found([bearer], head('/', ['authorization', value]))).toBe(token);
});

it.each([
  ['/a?token=x', 'x'],
  ['/a?b=1&tok%65n=x%2Ey&c', 'x.y'],
  ['/a?token=', ''],
  ['/a?tokens=x', undefined],
  ['/token=x', undefined],
  ['/a?token=x&token=y', 'several'],
  ['/a?token=x&token=x', 'x'],
])('the query of %s has the token %j', (path, token) => {
  expect(found([param], head(path))).toBe(token);
});

it.each([
  [['session=x'], 'x'],
  [['a=1; session="x"; b'], 'x'],
  [['a=1', 'session=x'], 'x'],
  [['session=x; session=y'], 'several'],
  [['sessions=x; asession=y; session'], undefined],
])('the cookies %j have the token %j', (values, token) => {
  const fields = values.map((value): [string, string] => ['cookie', value]);
  expect(found([cookie], head('/', ...fields))).toBe(token);
});

it('tokens at several places must be the same', () => {
  const spots = [bearer, param];
  expect(found(spots, head('/?token=x', ['authorization', 'Bearer x']))).toBe('x');
  expect(found(spots, head('/?token=x', ['authorization', 'Bearer y']))).toBe('several');
  expect(found([bearer], head('/', ['authorization', 'Bearer x'], ['authorization', 'Bearer y']))).toBe('several');
});

it('what is taken out leaves all else as it was', () => {
  const fields: [string, string][] = [
    ['authorization', 'Bearer x'],
    ['authorization', 'Basic y'],
    ['cookie', 'a=1; session=x; b=2'],
    ['cookie', 'session=x'],
    ['x', 'y'],
  ];
  const left = withoutTokensAt([bearer, param, cookie], head('/a%2F?b=%20&tok%65n=x&c', ...fields));
  expect(left.path).toBe('/a%2F?b=%20&c');
  expect(left.fields.map(({ name, value }) => [name, value])).toEqual([
    ['authorization', 'Basic y'],
    ['cookie', 'a=1; b=2'],
    ['x', 'y'],
  ]);
  expect(withoutTokensAt([param], head('/a?token=x')).path).toBe('/a');
  expect(withoutTokensAt([param], head('/a?')).path).toBe('/a?');
});

it('nothing that was found is left, wherever it stood', () => {
  const piece = fc.constantFrom('token=x', 'tok%65n=x', 'a=1', 'token', '', 'session=x', '=x', 'b=token=x');
  fc.assert(
    fc.property(fc.array(piece), fc.array(piece), (params, cookies) => {
      const request = head(`/?${params.join('&')}`, ['cookie', cookies.join('; ')]);
      expect(found([param, cookie], withoutTokensAt([param, cookie], request))).toBeUndefined();
    }),
  );
});
