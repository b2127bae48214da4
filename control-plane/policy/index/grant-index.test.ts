import { expect, it, test } from 'vitest';
import type { ReferenceGrant } from '../../../lib/kinds/reference-grant.ts';
import { mayName } from '../routes/references.ts';
import { GrantIndex } from './grant-index.ts';

const group = 'gateway.networking.k8s.io';
const route = { group, kind: 'HTTPRoute', namespace: 'shop', parents: [] };
const from = [{ group, kind: 'HTTPRoute', namespace: 'shop' }];
const to = [{ group: '', kind: 'Service' }];

const grant = (spec: unknown, name = 'grant', namespace = 'other') =>
  ({ apiVersion: `${group}/v1`, kind: 'ReferenceGrant', metadata: { name, namespace }, spec }) as ReferenceGrant;

function permits(...grants: ReferenceGrant[]): boolean {
  const index = new GrantIndex();
  for (const each of grants) index.set(each, false);
  return index.permits(route, 'other/web');
}

test.each<[string, unknown, boolean]>([
  ['every Service', { from, to }, true],
  ['the Service by its name', { from, to: [{ ...to[0], name: 'web' }] }, true],
  ['another Service', { from, to: [{ ...to[0], name: 'mail' }] }, false],
  ['another kind', { from, to: [{ group: '', kind: 'Secret' }] }, false],
  ['a Service of another group', { from, to: [{ group: 'serving.knative.dev', kind: 'Service' }] }, false],
  ['routes of another kind', { from: [{ ...from[0], kind: 'GRPCRoute' }], to }, false],
  ['the HTTPRoute of another group', { from: [{ ...from[0], group: 'policy.linkerd.io' }], to }, false],
  ['routes of another namespace', { from: [{ ...from[0], namespace: 'shops' }], to }, false],
  [
    'one of several',
    { from: [{ ...from[0], kind: 'TCPRoute' }, ...from], to: [{ group: '', kind: 'Secret' }, ...to] },
    true,
  ],
  ['no shape that is known', { from: 'everywhere', to }, false],
  ['nothing at all', undefined, false],
])('a grant for %s', (_name, spec, expected) => expect(permits(grant(spec))).toBe(expected));

it('holds in its own namespace', () => expect(permits(grant({ from, to }, 'grant', 'third'))).toBe(false));

it('holds until it is changed to another or deleted, beside those that stay', () => {
  const index = new GrantIndex();
  index.set(grant({ from, to }, 'one'), false);
  index.set(grant({ from, to }, 'two'), false);
  index.set(grant({ from: [], to }, 'one'), false);
  expect(index.permits(route, 'other/web')).toBe(true);
  expect(index.set(grant({ from, to }, 'two'), true)).toBe('other');
  expect(index.permits(route, 'other/web')).toBe(false);
});

test.each<[string, object, string, boolean]>([
  ['of its own namespace', {}, 'shop/web', true],
  ['of another', {}, 'shops/web', false],
  ['beside its parent', { parents: [{ kind: 'Service', key: 'other/mail', port: undefined }] }, 'other/web', true],
  [
    'beside a Server of that name',
    { parents: [{ kind: 'Server', key: 'other/mail', port: undefined }] },
    'other/web',
    false,
  ],
])('without a grant, a route may name a Service %s', (_name, more, service, expected) =>
  expect(mayName({ ...route, ...more }, service, new GrantIndex())).toBe(expected),
);
