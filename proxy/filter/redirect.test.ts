import { expect, it } from 'vitest';
import { requestOf } from '../testing/exchanges.ts';
import type { RequestHead } from '../wire/stream.ts';
import { Answer, BadFilter } from './filter.ts';
import { FullPath, PathPrefix } from './path-modifier.ts';
import { Redirect, type RedirectOptions } from './redirect.ts';

const none: RedirectOptions = {
  scheme: undefined,
  host: undefined,
  port: undefined,
  path: undefined,
  status: undefined,
};
const redirect = (options: Partial<RedirectOptions>, head: Partial<RequestHead> = {}) =>
  new Redirect({ ...none, ...options }).apply(requestOf({ authority: 'web:8080', path: '/foo/a?b=1', ...head }));
function location(options: Partial<RedirectOptions>, head: Partial<RequestHead> = {}): string | undefined {
  const answer = redirect(options, head);
  return answer instanceof Answer ? answer.fields.find(({ name }) => name === 'location')?.value : undefined;
}

it.each<[string, Partial<RedirectOptions>, Partial<RequestHead>, string]>([
  ['the port stays where only the host is another', { host: 'x.org' }, {}, 'http://x.org:8080/foo/a?b=1'],
  ['a default port is not written', { host: 'x.org' }, { authority: 'web:80' }, 'http://x.org/foo/a?b=1'],
  ['a port that is set is', { port: 8443 }, {}, 'http://web:8443/foo/a?b=1'],
  ['unless it is the default', { port: 80 }, {}, 'http://web/foo/a?b=1'],
  ['a scheme brings its own port', { scheme: 'https' }, {}, 'https://web/foo/a?b=1'],
  ['and one that is set beside it counts', { scheme: 'https', port: 444 }, {}, 'https://web:444/foo/a?b=1'],
  ['443 is the default of https', { scheme: 'https', port: 443 }, {}, 'https://web/foo/a?b=1'],
  ['and 80 is not', { scheme: 'https', port: 80 }, {}, 'https://web:80/foo/a?b=1'],
  ['IPv6', { port: 81 }, { authority: '[::1]:8080' }, 'http://[::1]:81/foo/a?b=1'],
  ['IPv6 without a port', { port: 81 }, { authority: '[::1]' }, 'http://[::1]:81/foo/a?b=1'],
  ['a prefix keeps the query', { path: new PathPrefix('/foo', '/bar') }, {}, 'http://web:8080/bar/a?b=1'],
  ['a whole path does not', { path: new FullPath('/bar') }, {}, 'http://web:8080/bar'],
  ['and may have its own', { path: new FullPath('/bar?c') }, {}, 'http://web:8080/bar?c'],
  ['who named no host is told the path', { path: new FullPath('/bar') }, { authority: '' }, '/bar'],
])('%s', (_, options, head, expected) => {
  expect(location(options, head)).toBe(expected);
});

it('the status is 301 unless another of a redirect is set', () => {
  const status = (set: number | undefined) => (redirect({ host: 'x', status: set }) as Answer).status;
  expect([undefined, 301, 302, 303, 307, 308].map(status)).toEqual([301, 301, 302, 303, 307, 308]);
});

it('what would lead to where it was asked goes on, so that nobody goes in a circle', () => {
  expect(redirect({})).not.toBeInstanceOf(Answer);
  expect(redirect({ host: 'web', port: 8080 })).not.toBeInstanceOf(Answer);
  expect(redirect({ path: new PathPrefix('/foo', '/foo/') })).not.toBeInstanceOf(Answer);
  expect(redirect({ host: 'web', status: 303 })).not.toBeInstanceOf(Answer);
});

it('a status alone has the client ask again at the same place', () => {
  for (const status of [301, 302, 303, 307, 308]) {
    expect((redirect({ status }) as Answer).status).toBe(status);
    expect(location({ status })).toBe('http://web:8080/foo/a?b=1');
  }
});

it.each<Partial<RedirectOptions>>([
  { scheme: 'javascript' },
  { scheme: 'toString' },
  { host: 'a b' },
  { host: 'x@y' },
  { host: 'x/y' },
  { port: 70_000 },
  { status: 200 },
  { status: 304 },
])('%j is refused', (options) => {
  expect(() => new Redirect({ ...none, ...options })).toThrow(BadFilter);
});
