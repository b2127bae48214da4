import { expect, test } from 'vitest';
import { Field } from '../wire/field.ts';
import type { RequestHead } from '../wire/stream.ts';
import { Pattern } from './pattern.ts';
import { foldPath, type HostMatch, type RequestMatch, RouteTable } from './route-table.ts';

const request = (text: string, authority = 'web.shop:80', fields: Record<string, string> = {}): RequestHead => {
  const [method, path] = text.split(' ');
  return {
    method,
    path,
    authority,
    scheme: 'http',
    contentLength: -1,
    upgrade: undefined,
    absoluteForm: false,
    fields: Object.entries(fields).map(([name, value]) => new Field(name, value)),
    marks: 0,
  };
};
const match = (some: Partial<RequestMatch>): RequestMatch => ({
  path: undefined,
  method: undefined,
  headers: [],
  queryParams: [],
  ...some,
});
const route = (plan: string, matches: Partial<RequestMatch>[], ...hosts: HostMatch[]) => ({
  plan,
  hosts,
  matches: matches.map(match),
});
const prefix = (value: string) => ({ kind: 'prefix', value }) as const;

const byPath = new RouteTable([
  route('all', [{ path: prefix('') }]),
  route('api', [{ path: prefix('/api') }]),
  route('api-v1', [{ path: prefix('/api/v1') }]),
  route('probe', [{ path: { kind: 'exact', value: '/live' }, method: 'GET' }]),
  route('root-probe', [{ path: { kind: 'exact', value: '/' }, method: 'GET' }]),
  route('post-api', [{ path: prefix('/api'), method: 'POST' }]),
  route('later', [{ path: prefix('/api') }]),
]);

test.each([
  ['GET /', 'root-probe'],
  ['POST /', 'all'],
  ['OPTIONS *', 'all'],
  ['GET /api', 'api'],
  ['GET /apis', 'all'],
  ['GET /api/x?y=/api/v1/', 'api'],
  ['GET /api/v1/x', 'api-v1'],
  ['GET /api/v1', 'api-v1'],
  ['POST /api/x', 'post-api'],
  ['POST /api/v1/x', 'api-v1'],
  ['GET /live?verbose', 'probe'],
  ['GET /live/', 'all'],
  ['POST /live', 'all'],
])('%s goes by route %s', (text, name) => expect(byPath.find(request(text))).toBe(name));

test('a pattern must match the whole path, and comes after paths in plain', () => {
  const matcher = new RouteTable([
    route('numbers', [{ path: { kind: 'regex', value: new Pattern('/\\d+') } }]),
    route('answer', [{ path: { kind: 'exact', value: '/42' } }]),
  ]);
  expect(['GET /41?x', 'GET /42', 'GET /4x'].map((text) => matcher.find(request(text)))).toEqual([
    'numbers',
    'answer',
    undefined,
  ]);
});

test('a pattern comes before the prefix that every path has, as before no path at all', () => {
  for (const all of [{}, { path: { kind: 'prefix', value: '' } as const }]) {
    const matcher = new RouteTable([
      route('all', [all]),
      route('numbers', [{ path: { kind: 'regex', value: new Pattern('/\\d+') } }]),
      route('header', [{ ...all, headers: [{ name: 'x-a', value: '1' }] }]),
    ]);
    expect(['GET /41', 'GET /a'].map((text) => matcher.find(request(text)))).toEqual(['numbers', 'all']);
  }
});

test('headers and query parameters must all fit; who names more of them comes first', () => {
  const matcher = new RouteTable([
    route('any', [{}]),
    route('one', [{ headers: [{ name: 'x-a', value: '1' }] }]),
    route('two', [
      {
        headers: [
          { name: 'x-a', value: '1' },
          { name: 'x-b', value: new Pattern('[a-z]+') },
        ],
      },
    ]),
    route('query', [{ queryParams: [{ name: 'q', value: 'a b' }] }]),
    route('host', [{ headers: [{ name: 'host', value: 'web.test' }] }]),
  ]);
  const find = (fields: Record<string, string>, path = '/', authority?: string) =>
    matcher.find(request(`GET ${path}`, authority, fields));
  expect(find({})).toBe('any');
  expect(find({ 'x-a': '1' })).toBe('one');
  expect(find({ 'x-a': '1', 'x-b': 'abc' })).toBe('two');
  expect(find({ 'x-a': '1', 'x-b': 'ABC' })).toBe('one');
  expect(find({ 'x-a': '2', 'x-b': 'abc' })).toBe('any');
  expect(find({}, '/?p=1&q=a+b')).toBe('query');
  expect(find({}, '/?q=a+b&q=c')).toBe('query');
  expect(find({}, '/?q=c')).toBe('any');
  expect(find({}, '/', 'web.test')).toBe('host');
});

test('an exact host comes before the longest suffix, whatever the path says', () => {
  const matcher = new RouteTable([
    route('any', [{ path: { kind: 'exact', value: '/long/path' } }]),
    route('shop', [{}], { kind: 'suffix', value: '.shop' }),
    route('web', [{}], { kind: 'suffix', value: '.web.shop' }),
    route('exact', [{}], { kind: 'exact', value: 'a.web.shop' }, { kind: 'exact', value: 'other' }),
  ]);
  const find = (authority: string) => matcher.find(request('GET /long/path', authority));
  expect(find('A.WEB.shop:80')).toBe('exact');
  expect(find('a.web.shop.')).toBe('exact');
  expect(find('other')).toBe('exact');
  expect(find('b.web.shop')).toBe('web');
  expect(find('web.shop')).toBe('shop');
  expect(find('shop')).toBe('any');
  expect(find('[::1]:80')).toBe('any');
});

test('any of a route’s matches is enough; without routes nothing fits', () => {
  const matcher = new RouteTable([route('r', [{ method: 'PUT' }, { method: 'POST' }])]);
  expect(['PUT /', 'POST /', 'GET /'].map((text) => matcher.find(request(text)))).toEqual(['r', 'r', undefined]);
  expect(new RouteTable([]).find(request('GET /'))).toBeUndefined();
});

test('a request that may fit what could not be read has no route, not a laxer one', () => {
  const table = new RouteTable([
    route('lax', [{}]),
    route('prefix', [{ path: { kind: 'prefix', value: '/open' } }]),
    route('path', [{ path: { kind: 'unread' }, method: 'POST', unread: true }]),
    route('header', [
      { path: { kind: 'exact', value: '/a' }, headers: [{ name: 'x', value: undefined }], unread: true },
    ]),
  ]);
  const found = ['GET /', 'POST /', 'POST /open/x', 'GET /a', 'GET /b'].map((text) => table.find(request(text)));
  expect(found).toEqual(['lax', undefined, 'prefix', undefined, 'lax']);
});

test.each([
  ['/ADMIN', 'admin'],
  ['/Admin/X/', 'admin'],
  ['/panel/', 'panel'],
  ['/PANEL', 'panel'],
  ['/LIVE/?X', 'live'],
  ['/Live', 'live'],
  ['/', 'all'],
  ['/panel/x', 'all'],
])('without case and slashes at the end, %s goes by route %s', (path, name) => {
  const table = new RouteTable([
    route('all', [{ path: prefix('') }]),
    route('admin', [{ path: prefix('/admin') }]),
    route('panel', [{ path: { kind: 'exact', value: '/Panel/' } }]),
    route('live', [{ path: { kind: 'exact', value: '/live' } }]),
  ]);
  expect(table.find(request(`GET ${path}`), foldPath(path))).toBe(name);
  expect(table.byCase).toBe(true);
});

test.each(['/READ9', '/write9', '/WRITE9'])('%s fits a pattern in either form', (path) => {
  const table = new RouteTable(
    ['/READ[0-9]', '/write[0-9]'].map((text) =>
      route('pattern', [{ path: { kind: 'regex', value: new Pattern(text) } }]),
    ),
  );
  expect(table.find(request(`GET ${path}`), foldPath(path))).toBe('pattern');
});

test('routes in small letters, and patterns, are the same without case', () => {
  expect(byPath.byCase).toBe(false);
});
