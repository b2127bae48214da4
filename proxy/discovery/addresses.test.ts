import { expect, test } from 'vitest';
import { targetName } from './addresses.ts';

const suffix = 'svc.cluster.local';

test.each([
  ['web', ['web.shop.svc.cluster.local']],
  ['Web', ['web.shop.svc.cluster.local']],
  ['web.other', ['web.other.shop.svc.cluster.local', 'web.other.svc.cluster.local']],
  ['web-0.web', ['web-0.web.shop.svc.cluster.local', 'web-0.web.svc.cluster.local']],
  ['web-0.web.other', ['web-0.web.other.svc.cluster.local']],
  ['web.other.svc', ['web.other.svc.cluster.local']],
  ['web-0.web.other.svc', ['web-0.web.other.svc.cluster.local']],
  ['web.other.svc.cluster.local', ['web.other.svc.cluster.local']],
  ['web.other.svc.cluster.local.', ['web.other.svc.cluster.local']],
  ['web-0.web.other.svc.cluster.local', ['web-0.web.other.svc.cluster.local']],
  ['api.example.com', ['api.example.com.svc.cluster.local']],
  ['example.com', ['example.com.shop.svc.cluster.local', 'example.com.svc.cluster.local']],
])('%s is looked up as %j', (host, candidates) =>
  expect(targetName(host, 80, 'shop', suffix)).toEqual({
    kind: 'service',
    host: candidates.length === 1 ? candidates[0] : host,
    given: host,
    port: 80,
    candidates,
  }),
);

test.each([
  ['localhost', 'localhost'],
  ['eu.api.example.com', 'eu.api.example.com'],
  ['web.', 'web'],
  ['api.example.com.', 'api.example.com'],
  ['-web.shop', '-web.shop'],
])('%s is left to the resolver', (given, host) =>
  expect(targetName(given, 80, 'shop', suffix)).toEqual({ kind: 'other', host, given, port: 80, candidates: [] }),
);

test('an address is an address', () => {
  expect(targetName('10.0.0.7', 80, 'shop', suffix)).toMatchObject({ kind: 'ip', host: '10.0.0.7' });
});

test('without a namespace of its own, a proxy completes names with theirs only', () => {
  expect(targetName('web', 80, '', suffix)).toMatchObject({ kind: 'other' });
  expect(targetName('web.other', 80, '', suffix).candidates).toEqual(['web.other.svc.cluster.local']);
});
