import { expect, test } from 'vitest';
import { targetName } from './target-name.ts';

test.each([
  ['10.0.0.7', 'ip', '10.0.0.7'],
  ['web', 'service', 'web.shop.svc.cluster.local'],
  ['Web', 'service', 'web.shop.svc.cluster.local'],
  ['web.other', 'service', 'web.other.svc.cluster.local'],
  ['web.other.svc', 'service', 'web.other.svc.cluster.local'],
  ['web.other.svc.cluster.local', 'service', 'web.other.svc.cluster.local'],
  ['web.other.svc.cluster.local.', 'service', 'web.other.svc.cluster.local'],
  ['web-0.web.other.svc.cluster.local', 'service', 'web-0.web.other.svc.cluster.local'],
  ['localhost', 'other', 'localhost'],
  ['api.example.com', 'other', 'api.example.com'],
])('a request for %s looks up the %s %s', (host, kind, name) =>
  expect(targetName(host, 80, 'shop', 'svc.cluster.local')).toEqual({ kind, host: name, given: host, port: 80 }),
);
