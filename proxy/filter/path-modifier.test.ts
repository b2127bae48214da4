import { expect, it } from 'vitest';
import { BadFilter } from './filter.ts';
import { FullPath, PathPrefix } from './path-modifier.ts';

it.each([
  // The table of the Gateway API, HTTPPathModifier.
  ['/foo/bar', '/foo', '/xyz', '/xyz/bar'],
  ['/foo/bar', '/foo', '/xyz/', '/xyz/bar'],
  ['/foo/bar', '/foo/', '/xyz', '/xyz/bar'],
  ['/foo/bar', '/foo/', '/xyz/', '/xyz/bar'],
  ['/foo', '/foo', '/xyz', '/xyz'],
  ['/foo/', '/foo', '/xyz', '/xyz/'],
  ['/foo/bar', '/foo', '', '/bar'],
  ['/foo/', '/foo', '', '/'],
  ['/foo', '/foo', '', '/'],
  ['/foo/', '/foo', '/', '/'],
  ['/foo', '/foo', '/', '/'],
  // And of every path.
  ['/bar', '/', '/xyz', '/xyz/bar'],
  ['/', '/', '/xyz', '/xyz'],
  ['/bar', '', '/xyz', '/xyz/bar'],
])('%s, matched by the prefix %s, which %s replaces, is %s', (path, prefix, replacement, modified) => {
  expect(new PathPrefix(prefix, replacement).apply(path)).toBe(modified);
});

it.each([
  ['//foo/bar', '/xyz/bar'],
  ['/%66oo/bar', '/xyz/bar'],
  ['/a/../foo/b', '/xyz/b'],
])('%s, which its route found as another reading, is rewritten in that', (path, modified) => {
  expect(new PathPrefix('/foo', '/xyz').apply(path)).toBe(modified);
});

it('a path that does not begin with the prefix, in any reading, is left to the caller', () => {
  expect(['/food', '/', '/a/foo', '/foo%2fbar'].map((path) => new PathPrefix('/foo', '/xyz').apply(path))).toEqual(
    Array(4).fill(undefined),
  );
});

it.each([
  ['relative', 'xyz'],
  ['with a space', '/a b'],
  ['with a line feed', '/a\nb'],
  ['with a fragment', '/a#b'],
  ['not ASCII', '/ä'],
])('a path that is %s is refused', (_, path) => {
  expect(() => new FullPath(path)).toThrow(BadFilter);
  expect(() => new PathPrefix('/foo', path)).toThrow(BadFilter);
});

it('a prefix is not replaced where the match has none, nor by one with a query', () => {
  expect(() => new PathPrefix(undefined, '/xyz')).toThrow('a prefix is to be replaced where a match has none');
  expect(() => new PathPrefix('/foo', '/xyz?a=1')).toThrow(BadFilter);
});
