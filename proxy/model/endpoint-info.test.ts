import { expect, test } from 'vitest';
import { type EndpointInfo, plaintextEndpoint, sameConnection, sameLabels } from './endpoint-info.ts';

const endpoint: EndpointInfo = {
  ...plaintextEndpoint('10.0.0.1', 80, 'loopback'),
  labels: { pod: 'web-1', zone: 'a' },
  identity: { name: 'web.shop', serverName: 'web.shop' },
  noTlsReason: undefined,
};

test('connections outlive another weight and other labels of their endpoint', () => {
  expect(sameConnection(endpoint, { ...endpoint, weight: 1, labels: {} })).toBe(true);
});

const changes: Partial<EndpointInfo>[] = [
  { address: '10.0.0.2' },
  { port: 81 },
  { identity: undefined, noTlsReason: 'loopback' },
  { identity: { name: 'web.other', serverName: 'web.shop' } },
  { identity: { name: 'web.shop', serverName: 'web.other' } },
  { http2: true },
  { opaqueTransportPort: 4143 },
  { keepAlive: { intervalMs: 10_000, timeoutMs: 3000 } },
  { authorityOverride: 'web.east' },
];
test.each(changes)('connections do not outlive the change to %j', (change) => {
  expect(sameConnection(endpoint, { ...endpoint, ...change })).toBe(false);
});

test('labels are the same whatever their order', () => {
  expect(sameLabels(endpoint, { ...endpoint, labels: { zone: 'a', pod: 'web-1' } })).toBe(true);
  expect(sameLabels(endpoint, { ...endpoint, labels: { pod: 'web-1' } })).toBe(false);
  expect(sameLabels(endpoint, { ...endpoint, labels: { pod: 'web-1', zone: 'b' } })).toBe(false);
  expect(sameLabels(endpoint, { ...endpoint, labels: { pod: 'web-1', host: 'a' } })).toBe(false);
});
