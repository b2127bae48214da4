import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  DestinationProfileSchema,
  type RequestMatchSchema,
  type ResponseClassSchema,
  RouteSchema,
} from '../../api/gen/destination_pb.js';
import { HttpMethod_Registered } from '../../api/gen/http_types_pb.js';
import type { RequestHead } from '../wire/stream.ts';
import { ProfileRoutes } from './profile-routes.ts';

type Condition = MessageInitShape<typeof RequestMatchSchema>;
const path = (regex: string): Condition => ({ match: { case: 'path', value: { regex } } });
const method = (registered: HttpMethod_Registered): Condition => ({
  match: { case: 'method', value: { type: { case: 'registered', value: registered } } },
});
const post = method(HttpMethod_Registered.POST);
const all = (...matches: Condition[]): Condition => ({ match: { case: 'all', value: { matches } } });
const any = (...matches: Condition[]): Condition => ({ match: { case: 'any', value: { matches } } });
const not = (value: Condition): Condition => ({ match: { case: 'not', value } });

let unread: string[] = [];
beforeEach(() => {
  unread = [];
});

const routes = (...conditions: Condition[]) =>
  new ProfileRoutes(
    create(DestinationProfileSchema, {
      routes: conditions.map((condition, i) => ({ condition, metricsLabels: { route: `route ${i}` } })),
    }),
    (route, why) => unread.push(`${route}: ${why}`),
  );
const head = (target: string, verb = 'POST'): RequestHead => ({
  method: verb,
  scheme: 'http',
  authority: 'web',
  path: target,
  contentLength: -1,
  upgrade: undefined,
  absoluteForm: false,
  fields: [],
  marks: 0,
});
const found = (among: ProfileRoutes, target: string, verb?: string) => among.find(head(target, verb)).labels['route'];

describe('the route of a request', () => {
  it('is the first whose condition holds, and none when none does', () => {
    const among = routes(all(path('/v1/.*'), post), path('/v1/votes'), path('/v1/.*'));
    expect(found(among, '/v1/votes')).toBe('route 0');
    expect(found(among, '/v1/votes', 'GET')).toBe('route 1');
    expect(found(among, '/v1/other', 'GET')).toBe('route 2');
    expect(found(among, '/v2')).toBeUndefined();
  });

  it.each([
    ['/emoji\\.v1\\.Voting/Vote', '/emoji.v1.Voting/Vote', true],
    ['/emoji\\.v1\\.Voting/Vote', '/emoji.v1.Voting/Vote?a=b', true],
    ['/emoji\\.v1\\.Voting/Vote', '/emojixv1.Voting/Vote', false],
    ['/emoji\\.v1\\.Voting/Vote', '/emoji.v1.Voting/VoteDoughnut', false],
    ['/emoji.v1.Voting/Vote', '/emojixv1.Voting/Vote', true],
    ['^/books/\\d+$', '/books/12', true],
    ['/books/\\d+', '/books/12/pages', false],
    ['/books/[^/]*', '/books/12?page=/3', true],
    ['/a|/b', '/b', true],
    ['/a|/b', '/ab', false],
    ['/cost\\$', '/cost$', true],
  ])('by pattern: %s and %s: %s', (regex, target, fits) => {
    expect(found(routes(path(regex)), target)).toBe(fits ? 'route 0' : undefined);
  });

  it('conditions nest', () => {
    const among = routes(all(any(path('/a'), path('/b')), not(post)));
    expect(found(among, '/a', 'GET')).toBe('route 0');
    expect(found(among, '/b', 'PUT')).toBe('route 0');
    expect(found(among, '/a', 'POST')).toBeUndefined();
    expect(found(among, '/c', 'GET')).toBeUndefined();
  });

  it('whose condition cannot be told is left out', () => {
    const among = routes(path('(?<broken'), { match: { case: undefined } }, path('/.*'));
    expect(found(among, '/a')).toBe('route 2');
    expect(unread).toEqual([expect.stringContaining('route 0: the pattern')]);
  });
});

describe('response classes', () => {
  type Class = MessageInitShape<typeof ResponseClassSchema>;
  const status = (min: number, max: number) => ({ match: { case: 'status' as const, value: { min, max } } });
  const failure = (...responseClasses: Class[]) => {
    const made = create(RouteSchema, { condition: path('/'), responseClasses });
    const route = new ProfileRoutes(create(DestinationProfileSchema, { routes: [made] }), () => {}).find(head('/'));
    return (code: number) => route.isFailure(code);
  };

  it('the first that fits says whether a response is a failure', () => {
    const told = failure(
      { condition: status(503, 503), isFailure: false },
      { condition: status(400, 599), isFailure: true },
    );
    expect([told(503), told(404), told(500), told(200)]).toEqual([false, true, true, undefined]);
  });

  it('may be of any, all and not', () => {
    const nested = (kind: 'any' | 'all', ...matches: ReturnType<typeof status>[]) => ({
      match: { case: kind, value: { matches } },
    });
    const told = failure(
      { condition: nested('any', status(404, 404), status(410, 410)), isFailure: true },
      {
        condition: { match: { case: 'not', value: nested('all', status(200, 299), status(200, 204)) } },
        isFailure: false,
      },
    );
    expect([told(404), told(410), told(500), told(200)]).toEqual([true, true, false, undefined]);
  });
});
