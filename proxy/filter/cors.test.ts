import { expect, it } from 'vitest';
import { requestOf } from '../testing/exchanges.ts';
import { Field } from '../wire/field.ts';
import { responseHead } from '../wire/heads.ts';
import { Cors, type CorsOptions } from './cors.ts';
import { Answer, BadFilter, Filters } from './filter.ts';

const options: CorsOptions = {
  allowOrigins: ['https://www.foo.com', 'https://*.bar.com'],
  allowCredentials: false,
  allowMethods: ['GET', 'PUT'],
  allowHeaders: ['x-a', 'x-b'],
  exposeHeaders: ['x-c'],
  maxAgeSeconds: 3600,
};
const cors = (changes: Partial<CorsOptions> = {}) => new Cors({ ...options, ...changes });
const head = (method: string, fields: Record<string, string>) =>
  requestOf({ method, fields: Object.entries(fields).map(([name, value]) => new Field(name, value)) });
const byName = (fields: readonly Field[]) =>
  Object.fromEntries(
    fields
      .map(({ name, value }) => [name.replace('access-control-', ''), value] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
const preflight = (changes: Partial<CorsOptions>, origin: string, more: Record<string, string> = {}) => {
  const asked = head('OPTIONS', { origin, 'access-control-request-method': 'PUT', ...more });
  const answer = cors(changes).apply(asked);
  expect(answer).toBeInstanceOf(Answer);
  return { status: (answer as Answer).status, ...byName((answer as Answer).fields) };
};
const response = (changes: Partial<CorsOptions>, origin: string | undefined, ...fields: Field[]) =>
  byName(
    cors(changes).apply(responseHead(200, -1, fields), head('GET', origin === undefined ? {} : { origin })).fields,
  );

it('permits what the proxy answers by itself, an answer to a preflight once', () => {
  const filters = new Filters([], [cors()], [cors()]);
  const asked = head('OPTIONS', { origin: 'https://www.foo.com', 'access-control-request-method': 'PUT' });
  const { fields } = filters.applyToRequest(asked, () => 0) as Answer;
  const answered = filters.applyToOwnAnswer(responseHead(200, 0, fields), asked).fields;
  expect(answered.map(({ name }) => name).sort()).toEqual(fields.map(({ name }) => name).sort());
  const refused = filters.applyToOwnAnswer(responseHead(401, 0), head('GET', { origin: 'https://www.foo.com' }));
  expect(byName(refused.fields)).toEqual({
    'allow-origin': 'https://www.foo.com',
    'expose-headers': 'x-c',
    vary: 'origin',
  });
});

it('answers a preflight of a site that may with what it may', () => {
  expect(preflight({ allowCredentials: true }, 'https://www.foo.com')).toEqual({
    status: 200,
    'allow-credentials': 'true',
    'allow-headers': 'x-a, x-b',
    'allow-methods': 'GET, PUT',
    'allow-origin': 'https://www.foo.com',
    'expose-headers': 'x-c',
    'max-age': '3600',
    vary: 'origin',
  });
});

it('and of one that may not without a word of it', () => {
  expect(preflight({}, 'https://foobar.com')).toEqual({ status: 200, vary: 'origin' });
});

it.each([
  ['https://www.foo.com', true],
  ['https://WWW.foo.com', true],
  ['https://www.foo.com:443', true],
  ['https://www.foo.com:444', false],
  ['http://www.foo.com', false],
  ['https://a.bar.com', true],
  ['https://a.b.bar.com', true],
  ['https://bar.com', false],
  ['https://.bar.com', false],
  ['https://evil.org/.bar.com', false],
  ['https://evil.org:80.bar.com', false],
  ['https://u@x.bar.com', false],
  ['https://xbar.com', false],
  ['null', false],
])('the origin %s is allowed: %s', (origin, allowed) => {
  expect('allow-origin' in response({}, origin)).toBe(allowed);
});

it('a wildcard for hosts takes every host of its scheme and port', () => {
  const allowed = (origin: string) => 'allow-origin' in response({ allowOrigins: ['https://*'] }, origin);
  expect(['https://a.b', 'https://a.b:8443', 'http://a.b'].map(allowed)).toEqual([true, false, false]);
});

it('any origin is told by *, and by its own name where credentials may come', () => {
  const any = { allowOrigins: ['*'], exposeHeaders: [] };
  expect(response(any, 'null')).toEqual({ 'allow-origin': '*' });
  expect(response({ ...any, allowCredentials: true }, 'https://x')).toEqual({
    'allow-credentials': 'true',
    'allow-origin': 'https://x',
    vary: 'origin',
  });
});

it('any method and header are told by *, and by their names where credentials may come', () => {
  const any = { allowMethods: ['*'], allowHeaders: ['*'], exposeHeaders: ['*'] };
  const asked = { 'access-control-request-headers': 'x-q, x-r' };
  expect(preflight(any, 'https://www.foo.com', asked)).toMatchObject({
    'allow-headers': '*',
    'allow-methods': '*',
    'expose-headers': '*',
  });
  const named = preflight({ ...any, allowCredentials: true }, 'https://www.foo.com', asked);
  expect(named).toMatchObject({ 'allow-headers': 'x-q, x-r', 'allow-methods': 'PUT' });
  expect(named).not.toHaveProperty('expose-headers');
  expect(preflight({ ...any, allowCredentials: true }, 'https://www.foo.com')).not.toHaveProperty('allow-headers');
});

it('what a backend says of it does not count', () => {
  const said = new Field('access-control-allow-origin', '*');
  expect(response({}, 'https://foobar.com', said)).toEqual({ vary: 'origin' });
  expect(response({}, 'https://www.foo.com', said)).toMatchObject({ 'allow-origin': 'https://www.foo.com' });
});

it('what no browser sent for another site goes by', () => {
  const other = [head('GET', { origin: 'https://x' }), head('OPTIONS', {}), head('OPTIONS', { origin: 'https://x' })];
  for (const each of other) expect(cors().apply(each)).toBe(each);
  expect(response({}, undefined, new Field('x', '1'))).toEqual({ x: '1' });
});

it.each(['foo.com', 'ftp://foo.com', 'https://', 'https://a b', 'https://a*b*c', 'https://x/y', 'https://x\r\ny', ''])(
  'the origin %j is refused',
  (origin) => {
    expect(() => cors({ allowOrigins: [origin] })).toThrow(BadFilter);
  },
);

it('methods and headers that would break a message are refused', () => {
  expect(() => cors({ allowMethods: ['GET\r\n'] })).toThrow(BadFilter);
  expect(() => cors({ allowHeaders: ['a b'] })).toThrow(BadFilter);
  expect(() => cors({ exposeHeaders: ['a,b'] })).toThrow(BadFilter);
});
