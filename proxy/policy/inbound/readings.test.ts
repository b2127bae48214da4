import { describe, expect, it } from 'vitest';
import { type RequestMatch, RouteTable } from '../../route/route-table.ts';
import { requestOf } from '../../testing/exchanges.ts';
import { foldedRoute, headReadings, isReadInWays } from './readings.ts';

const guarded = { guardsPaths: true, guardsMethods: true };
const shown = (policy: typeof guarded, method: string, path: string) =>
  headReadings(policy, requestOf({ method, path }))?.map((head) => `${head.method} ${head.path}`);

describe('a request is read', () => {
  it('as it is written, and is no other object, where it can be read in one way', () => {
    for (const [policy, method, path] of [
      [guarded, 'GET', '/admin?a=b'],
      [{ guardsPaths: false, guardsMethods: true }, 'GET', '//a/../admin'],
      [{ guardsPaths: true, guardsMethods: false }, 'get', '/admin'],
    ] as const) {
      const head = requestOf({ method, path });
      expect(isReadInWays(policy, head)).toBe(false);
      expect(headReadings(policy, head)).toEqual([head]);
      expect(headReadings(policy, head)?.[0]).toBe(head);
    }
  });

  it.each([
    ['GET', '//admin', ['GET //admin', 'GET /admin']],
    ['get', '/admin', ['get /admin', 'GET /admin']],
    ['get', '//a', ['get //a', 'get /a', 'GET //a', 'GET /a']],
  ])('in each way that %s %s may be, the simplest last', (method, path, readings) => {
    expect(isReadInWays(guarded, requestOf({ method, path }))).toBe(true);
    expect(shown(guarded, method, path)).toEqual(readings);
  });

  it('in too many ways where nobody knows where its segments end', () => {
    expect(shown(guarded, 'GET', '/a%2Fb')).toBeUndefined();
    expect(shown({ guardsPaths: false, guardsMethods: true }, 'GET', '/a%2Fb')).toEqual(['GET /a%2Fb']);
  });
});

describe('an application that knows no case takes a request for', () => {
  const match = (value: string): RequestMatch => ({
    path: { kind: 'prefix', value },
    method: undefined,
    headers: [],
    queryParams: [],
  });
  const route = (plan: string, value: string) => ({ plan, hosts: [], matches: [match(value)] });
  const routes = new RouteTable([route('all', ''), route('admin', '/admin')]);

  it.each([
    ['/ADMIN', 'all', 'admin'],
    ['/admin', 'admin', 'admin'],
    ['/other', 'all', 'all'],
  ])('%s, which has the route %s as it is written, what has the route %s', (path, written, folded) => {
    const head = requestOf({ path });
    expect(routes.find(head)).toBe(written);
    expect(foldedRoute({ guardsPaths: true, routes }, head, written)).toBe(folded);
    expect(foldedRoute({ guardsPaths: false, routes }, head, written)).toBe(written);
  });
});
