import { create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OpaqueRouteSchema, TlsRouteSchema } from '../../../api/gen/outbound_pb.js';
import { ConnectRoutes } from './connect-routes.ts';

type TlsInit = MessageInitShape<typeof TlsRouteSchema>;
const rules = [{ backends: { kind: { case: 'firstAvailable' as const, value: { backends: [{}] } } } }];
const named = (name: string) => ({
  kind: { case: 'resource' as const, value: { kind: 'TLSRoute', name, namespace: 'shop' } },
});
const snis = (names: string[]): TlsInit['snis'] =>
  names.map((name) =>
    name.startsWith('*.')
      ? { match: { case: 'suffix', value: { reverseLabels: name.slice(2).split('.').reverse() } } }
      : { match: { case: 'exact', value: name } },
  );
const tls = (routes: Record<string, string[]>) =>
  ConnectRoutes.tls(
    Object.entries(routes).map(([name, names]) =>
      create(TlsRouteSchema, { metadata: named(name), snis: snis(names), rules }),
    ),
  );

describe('by name', () => {
  const routes = tls({
    any: [],
    wide: ['*.example'],
    narrow: ['*.web.example'],
    exact: ['a.web.example', 'web.example'],
    later: ['a.web.example'],
  });
  test.each<[string | undefined, string | undefined]>([
    ['a.web.example', 'exact'],
    ['b.web.example', 'narrow'],
    ['b.c.web.example', 'narrow'],
    ['web.example', 'exact'],
    ['api.example', 'wide'],
    ['example', 'any'],
    ['notexample', 'any'],
    ['a.web.example.org', 'any'],
    [undefined, undefined],
  ])('%s is of %s', (name, expected) => expect(routes.find(name)?.labels.name).toBe(expected));

  test('none fits where none is for it', () => expect(tls({ r: ['a.example'] }).find('b.example')).toBeUndefined());

  test('a name that cannot be read is none, and leaves the others', () => {
    const unread = ConnectRoutes.tls([
      create(TlsRouteSchema, {
        snis: [{}, { match: { case: 'suffix', value: {} } }, { match: { case: 'exact', value: 'A.example' } }],
        rules,
      }),
    ]);
    expect([unread.find('b.example'), unread.find('a.example')]).toEqual([undefined, expect.anything()]);
  });

  test('of any routes, the most specific that fits is found, and the first of equal ones', () => {
    const label = fc.constantFrom('a', 'b', 'c');
    const host = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join('.'));
    const pattern = fc.oneof(
      host,
      host.map((name) => `*.${name}`),
    );
    fc.assert(
      fc.property(fc.array(fc.array(pattern, { maxLength: 3 }), { maxLength: 5 }), host, (all, asked) => {
        const given = Object.fromEntries(all.map((names, index) => [`r${index}`, names]));
        const fitting = all
          .flatMap((names, index) => (names.length === 0 ? [''] : names).map((name) => ({ index, name })))
          .filter(
            ({ name }) => name === '' || name === asked || (name.startsWith('*') && asked.endsWith(name.slice(1))),
          )
          .map(({ index, name }) => ({ index, score: name === asked ? 1000 : name.length }))
          .sort((a, b) => b.score - a.score || a.index - b.index);
        expect(tls(given).find(asked)?.labels.name).toBe(fitting.length === 0 ? undefined : `r${fitting[0].index}`);
      }),
    );
  });
});

const opaque = (...routes: MessageInitShape<typeof OpaqueRouteSchema>[]) =>
  ConnectRoutes.opaque(routes.map((route) => create(OpaqueRouteSchema, route)));

test('of bytes the first holds for all, and none where there is none', () => {
  const routes = opaque({ metadata: named('one'), rules }, { metadata: named('two'), rules });
  expect([routes.find(undefined), routes.find('a.example')].map((rule) => rule?.labels.name)).toEqual(['one', 'one']);
  expect(opaque().find(undefined)).toBeUndefined();
  expect(opaque({ metadata: named('without rules') }).find(undefined)).toBeUndefined();
});

test('a filter of the rule forbids all, one that is not known too; one of a backend fails its share with why', () => {
  const forbidden = { ...rules[0], filters: [{ kind: { case: 'forbidden' as const, value: {} } }] };
  const unknown = { ...rules[0], filters: [{}] };
  expect([forbidden, unknown].map((rule) => opaque({ rules: [rule] }).find(undefined)?.isForbidden)).toEqual([
    true,
    true,
  ]);
  const dst = (path: string) => ({ kind: { case: 'dst' as const, value: { path } } });
  const backends = {
    kind: {
      case: 'randomAvailable' as const,
      value: {
        backends: [
          {
            weight: 3,
            backend: { backend: { kind: { case: 'balancer' as const, value: { discovery: dst('a:1') } } } },
          },
          {
            weight: 1,
            backend: { backend: {}, filters: [{ kind: { case: 'invalid' as const, value: { message: 'gone' } } }] },
          },
        ],
      },
    },
  };
  expect(opaque({ rules: [{ backends }] }).find(undefined)).toMatchObject({
    isForbidden: false,
    kind: 'random',
    backends: [
      { weight: 3, destination: { kind: 'service', path: 'a:1' } },
      { weight: 1, destination: undefined, failure: 'gone' },
    ],
  });
});
