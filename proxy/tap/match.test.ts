import { create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ObserveRequest_MatchSchema } from '../../api/gen/tap_pb.js';
import { plaintextEndpoint } from '../model/endpoint-info.ts';
import { requestOf, testOrigin } from '../testing/exchanges.ts';
import { Field } from '../wire/field.ts';
import type { Seen } from './match.ts';
import { BadMatch, matchFromApi } from './match-from-api.ts';

type Init = MessageInitShape<typeof ObserveRequest_MatchSchema>;
type Kind = NonNullable<Init['match']>;

const read = (match: Kind) => matchFromApi(create(ObserveRequest_MatchSchema, { match }));

const inbound: Seen = {
  origin: { ...testOrigin('http2'), clientAddress: '10.1.2.3', clientPort: 40_000, address: '10.9.0.1', port: 8080 },
  head: requestOf({
    method: 'POST',
    authority: 'voting.shop:8080',
    path: '/emojivoto.v1.VotingService/VoteJoy?token=secret',
    fields: [new Field('x-user', 'anna-7')],
  }),
  endpoint: undefined,
  decided: {
    route: { group: 'policy.linkerd.io', kind: 'HTTPRoute', name: 'votes' },
    parent: undefined,
    authorization: undefined,
    override: undefined,
  },
  status: 503,
  grpcStatus: 2,
};
const outbound: Seen = {
  ...inbound,
  decided: { route: undefined, parent: undefined, authorization: undefined, override: 'voting-v2.shop' },
  origin: { ...inbound.origin, direction: 'outbound', address: '127.0.0.1', port: 4140 },
  endpoint: {
    ...plaintextEndpoint('10.9.0.2', 80, 'not_provided_by_service_discovery'),
    labels: { deployment: 'voting' },
  },
};

const ip = (ipv4: number): { ip: { case: 'ipv4'; value: number } } => ({ ip: { case: 'ipv4', value: ipv4 } });
const netmask = (value: number, mask: number) =>
  ({ match: { case: 'netmask', value: { ip: ip(value), mask } } }) as const;
const ports = (min: number, max: number) => ({ match: { case: 'ports', value: { min, max } } }) as const;
const http = (match: object): Kind => ({ case: 'http', value: { match } }) as Kind;
const path = (kind: 'exact' | 'prefix', value: string): Kind =>
  http({ case: 'path', value: { match: { case: kind, value } } });

describe('a tap matches', () => {
  const cases: [what: string, match: Kind, seen: Seen, matches: boolean][] = [
    ['sources in a network', { case: 'source', value: netmask(0x0a010000, 16) }, inbound, true],
    ['no sources outside of it', { case: 'source', value: netmask(0x0a020000, 16) }, inbound, false],
    ['destinations that are the workload', { case: 'destination', value: netmask(0x0a090001, 32) }, inbound, true],
    ['destinations that are endpoints', { case: 'destination', value: netmask(0x0a090002, 32) }, outbound, true],
    ['not where the connection came in', { case: 'destination', value: ports(4140, 0) }, outbound, false],
    ['one port', { case: 'destination', value: ports(8080, 0) }, inbound, true],
    ['a range of ports', { case: 'source', value: ports(39_999, 40_000) }, inbound, true],
    [
      'no endpoint where there is none',
      { case: 'destination', value: ports(1, 65_535) },
      { ...outbound, endpoint: undefined },
      false,
    ],
    [
      'labels of endpoints',
      { case: 'destinationLabel', value: { key: 'deployment', value: 'voting' } },
      outbound,
      true,
    ],
    ['other labels not', { case: 'destinationLabel', value: { key: 'deployment', value: 'web' } }, outbound, false],
    ['inherited names not', { case: 'destinationLabel', value: { key: 'constructor', value: 'x' } }, outbound, false],
    ['routes by name', { case: 'routeLabel', value: { key: 'route', value: 'votes' } }, inbound, true],
    ['routes by kind', { case: 'routeLabel', value: { key: 'route_kind', value: 'GRPCRoute' } }, inbound, false],
    ['what was asked for', { case: 'routeLabel', value: { key: 'override', value: 'voting-v2.shop' } }, outbound, true],
    ['methods', http({ case: 'method', value: { type: { case: 'registered', value: 1 } } }), inbound, true],
    [
      'unregistered methods',
      http({ case: 'method', value: { type: { case: 'unregistered', value: 'PURGE' } } }),
      inbound,
      false,
    ],
    ['schemes', http({ case: 'scheme', value: { type: { case: 'registered', value: 0 } } }), inbound, true],
    [
      'authorities',
      http({ case: 'authority', value: { match: { case: 'exact', value: 'voting.shop:8080' } } }),
      inbound,
      true,
    ],
    ['paths without their query', path('exact', '/emojivoto.v1.VotingService/VoteJoy'), inbound, true],
    ['paths by prefix', path('prefix', '/emojivoto.v1.'), inbound, true],
    ['no query', path('prefix', '/emojivoto.v1.VotingService/VoteJoy?token'), inbound, false],
    ['all of none', { case: 'all', value: { matches: [] } }, inbound, true],
    ['not any of none', { case: 'any', value: { matches: [] } }, inbound, false],
    ['what is not', { case: 'not', value: { match: path('exact', '/') } }, inbound, true],
    [
      'header fields',
      { case: 'more', value: { match: { case: 'requestHeader', value: { name: 'X-User' } } } },
      inbound,
      true,
    ],
    [
      'header fields by prefix',
      {
        case: 'more',
        value: {
          match: { case: 'requestHeader', value: { name: 'x-user', value: { case: 'prefix', value: 'anna' } } },
        },
      },
      inbound,
      true,
    ],
    [
      'header fields by value',
      {
        case: 'more',
        value: { match: { case: 'requestHeader', value: { name: 'x-user', value: { case: 'exact', value: 'anna' } } } },
      },
      inbound,
      false,
    ],
    ['statuses', { case: 'more', value: { match: { case: 'status', value: { min: 500, max: 599 } } } }, inbound, true],
    [
      'gRPC statuses',
      { case: 'more', value: { match: { case: 'grpcStatus', value: { min: 1, max: 16 } } } },
      inbound,
      true,
    ],
  ];
  it.each(cases)('%s', (_what, match, seen, matches) => {
    expect(read(match).matches(seen)).toBe(matches);
  });

  it('when as much has come as it asks about', () => {
    const status: Init = {
      match: { case: 'more', value: { match: { case: 'status', value: { min: 500, max: 599 } } } },
    };
    const grpc: Init = { match: { case: 'more', value: { match: { case: 'grpcStatus', value: { min: 1, max: 1 } } } } };
    expect(read(path('exact', '/')).stage).toBe('request');
    expect(read({ case: 'all', value: { matches: [{ match: path('exact', '/') }, status] } }).stage).toBe('response');
    expect(read({ case: 'any', value: { matches: [status, { match: { case: 'not', value: grpc } }] } }).stage).toBe(
      'end',
    );
  });
});

describe('a tap refuses', () => {
  const label = (key: string, value: string): Kind => ({ case: 'destinationLabel', value: { key, value } });
  const cases: [what: string, match: Kind, message: string][] = [
    ['no network', { case: 'source', value: netmask(1, 0) }, 'missing required field'],
    ['a network that is too narrow', { case: 'source', value: netmask(1, 33) }, 'invalid network address'],
    ['no ports', { case: 'source', value: ports(0, 0) }, 'missing required field'],
    ['ports that there are not', { case: 'source', value: ports(1, 65_536) }, 'invalid port number'],
    ['labels without a value', label('a', ''), 'missing required field'],
    [
      'methods that are none',
      http({ case: 'method', value: { type: { case: 'unregistered', value: 'A B' } } }),
      'invalid http method',
    ],
    [
      'methods that nobody has registered',
      http({ case: 'method', value: { type: { case: 'registered', value: 99 } } }),
      'invalid http method',
    ],
    [
      'schemes that are none',
      http({ case: 'scheme', value: { type: { case: 'unregistered', value: '\n' } } }),
      'invalid request scheme',
    ],
    ['paths without a text', http({ case: 'path', value: { match: { case: undefined } } }), 'missing required field'],
    ['long texts', path('exact', 'x'.repeat(1025)), 'a text of more than 1024 characters'],
    [
      'statuses that there are not',
      { case: 'more', value: { match: { case: 'status', value: { min: 0, max: 599 } } } },
      'a range of statuses must be within 100-599',
    ],
    [
      'many parts',
      { case: 'any', value: { matches: Array.from({ length: 256 }, () => ({ match: path('exact', '/') })) } },
      'a match of more than 256 parts',
    ],
  ];
  it.each(cases)('%s', (_what, match, message) => {
    expect(() => read(match)).toThrow(new BadMatch(message));
  });

  it('deep trees', () => {
    let match: Init = { match: path('exact', '/') };
    for (let i = 0; i < 16; i++) match = { match: { case: 'not', value: match } };
    expect(() => matchFromApi(create(ObserveRequest_MatchSchema, match))).toThrow('a match of more than 16 levels');
  });

  it('nothing at all', () => {
    expect(() => matchFromApi(undefined)).toThrow('missing required field');
  });
});

it('a tap matches what one without its negations twice over does', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 7 }), fc.constantFrom('/', '/emojivoto'), (levels, prefix) => {
      let match: Init = { match: path('prefix', prefix) };
      for (let i = 0; i < levels; i++) match = { match: { case: 'not', value: match } };
      const once = read(path('prefix', prefix)).matches(inbound);
      expect(matchFromApi(create(ObserveRequest_MatchSchema, match)).matches(inbound)).toBe(
        levels % 2 === 0 ? once : !once,
      );
    }),
  );
});
