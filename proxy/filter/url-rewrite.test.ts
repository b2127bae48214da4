import { expect, it } from 'vitest';
import { requestOf } from '../testing/exchanges.ts';
import { Answer, BadFilter } from './filter.ts';
import { FullPath, PathPrefix } from './path-modifier.ts';
import { UrlRewrite } from './url-rewrite.ts';

it.each<[string, UrlRewrite, string, string]>([
  ['the host', new UrlRewrite('x.org', undefined), 'x.org', '/foo/a?b=/foo'],
  ['the whole path', new UrlRewrite(undefined, new FullPath('/bar')), 'web', '/bar?b=/foo'],
  ['the prefix', new UrlRewrite(undefined, new PathPrefix('/foo', '/bar')), 'web', '/bar/a?b=/foo'],
  ['host and path', new UrlRewrite('x.org', new PathPrefix('/foo', '')), 'x.org', '/a?b=/foo'],
])('rewrites %s, and keeps the query', (_, rewrite, authority, path) => {
  const head = requestOf({ path: '/foo/a?b=/foo' });
  expect(rewrite.apply(head)).toEqual({ ...head, authority, path });
  expect(head.path).toBe('/foo/a?b=/foo');
});

it('a request without a path keeps having none', () => {
  const rewrite = new UrlRewrite('x.org', new FullPath('/bar'));
  expect(rewrite.apply(requestOf({ method: 'CONNECT', path: '' }))).toMatchObject({ authority: 'x.org', path: '' });
  expect(rewrite.apply(requestOf({ method: 'OPTIONS', path: '*' }))).toMatchObject({ path: '*' });
});

it('a path that is not of its prefix is answered, and does not go on as it is', () => {
  const answer = new UrlRewrite(undefined, new PathPrefix('/foo', '/bar')).apply(requestOf({ path: '/food' }));
  expect(answer).toBeInstanceOf(Answer);
  expect(answer).toMatchObject({ status: 500, failure: 'unsupportedFilter' });
});

it('what is no host, or has a query, is refused', () => {
  for (const host of ['a b', 'x@y', 'x/y']) expect(() => new UrlRewrite(host, undefined)).toThrow(BadFilter);
  expect(() => new UrlRewrite(undefined, new FullPath('/a?b'))).toThrow(BadFilter);
});
