import { expect, it } from 'vitest';
import { InvalidTarget, parseTarget } from './target.ts';

const service = { kind: 'service', namespace: 'shop', name: 'web', hostname: undefined };

it.each([
  ['10.96.0.10:80', { kind: 'ip', ip: '10.96.0.10', port: 80 }],
  ['10.96.0.10', { kind: 'ip', ip: '10.96.0.10', port: 80 }],
  ['[fd00:96:0:0:0:0:0:10]:8080', { kind: 'ip', ip: 'fd00:96::10', port: 8080 }],
  ['web.shop.svc.cluster.local:8080', { ...service, port: 8080 }],
  ['Web.shop.svc.cluster.local.', { ...service, port: 80 }],
  ['web-0.web.shop.svc.cluster.local:80', { ...service, hostname: 'web-0', port: 80 }],
])('%s names what it says', (path, target) => {
  expect(parseTarget(path, 'cluster.local')).toEqual(target);
});

it.each([
  'web',
  'example.com:80',
  'web.shop.svc.cluster.local:99999',
  'web.shop.svc.cluster.local:0',
  '10-0-0-1.shop.pod.cluster.local:80',
  'a.web-0.web.shop.svc.cluster.local:80',
  '.shop.svc.cluster.local',
  '',
])('%j names nothing that can be looked up', (path) => {
  expect(() => parseTarget(path, 'cluster.local')).toThrow(InvalidTarget);
});
