import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { beforeEach, expect, test } from 'vitest';
import { WeightedAddrSchema } from '../../api/gen/destination_pb.js';
import { EndpointReader } from './endpoint-from-api.ts';

type Weighted = Omit<MessageInitShape<typeof WeightedAddrSchema>, 'addr' | '$typeName'>;
let unusable: string[];
beforeEach(() => {
  unusable = [];
});

function read(weighted: Weighted, ...own: string[]) {
  const addr = { ip: { ip: { case: 'ipv4' as const, value: 0x0a000001 } }, port: 8080 };
  const reader = new EndpointReader(new Set(own), (address, why) => unusable.push(`${address}: ${why}`));
  return reader.read(create(WeightedAddrSchema, { addr, weight: 500, metricLabels: { pod: 'web-1' }, ...weighted }), {
    service: 'web',
  });
}

const dns = { strategy: { case: 'dnsLikeIdentity' as const, value: { name: 'web.shop' } } };
const uri = (text: string) => ({ strategy: { case: 'uriLikeIdentity' as const, value: { uri: text } } });
const hint = { protocol: { case: 'h2' as const, value: {} }, opaqueTransport: { inboundPort: 4143 } };
const plain = {
  address: '10.0.0.1',
  port: 8080,
  weight: 500,
  labels: { service: 'web', pod: 'web-1' },
  identity: undefined,
  noTlsReason: 'not_provided_by_service_discovery',
  http2: false,
  opaqueTransportPort: undefined,
  keepAlive: undefined,
  authorityOverride: undefined,
};

test('an endpoint of which nothing more is said is spoken to in plaintext', () => {
  expect(read({})).toEqual(plain);
});

test('identity, hints and HTTP/2 parameters are read', () => {
  expect(
    read({
      tlsIdentity: { ...dns, serverName: { name: 'web' } },
      protocolHint: hint,
      http2: { keepAlive: { interval: { seconds: 10n }, timeout: { seconds: 3n }, whileIdle: true } },
      authorityOverride: { authorityOverride: 'web.shop.svc.east:80' },
    }),
  ).toEqual({
    ...plain,
    identity: { name: 'web.shop', serverName: 'web' },
    noTlsReason: undefined,
    http2: true,
    opaqueTransportPort: 4143,
    keepAlive: { intervalMs: 10_000, timeoutMs: 3000 },
    authorityOverride: 'web.shop.svc.east:80',
  });
});

test('the name asked for is the identity where no other is given', () => {
  expect(read({ tlsIdentity: dns })?.identity).toEqual({ name: 'web.shop', serverName: 'web.shop' });
});

test('a SPIFFE id is an identity', () => {
  expect(read({ tlsIdentity: { ...uri('spiffe://mesh/ns/shop/sa/web'), serverName: { name: 'web.shop' } } })).toEqual({
    ...plain,
    identity: { name: 'spiffe://mesh/ns/shop/sa/web', serverName: 'web.shop' },
    noTlsReason: undefined,
  });
});

const refused: [string, Weighted][] = [
  ['of no kind that is known', { tlsIdentity: {} }],
  ['that is no DNS name', { tlsIdentity: { strategy: { case: 'dnsLikeIdentity', value: { name: 'a, b' } } } }],
  ['without a name', { tlsIdentity: { strategy: { case: 'dnsLikeIdentity', value: { name: '' } } } }],
  ['that is no SPIFFE id', { tlsIdentity: { ...uri('https://mesh/web'), serverName: { name: 'web' } } }],
  ['that is a SPIFFE id without a name to ask for', { tlsIdentity: uri('spiffe://mesh/web') }],
  ['whose name to ask for is none', { tlsIdentity: { ...dns, serverName: { name: 'web shop' } } }],
];
test.each(refused)('an endpoint with an identity %s is left out, never spoken to in plaintext', (_what, weighted) => {
  expect(read(weighted)).toBeUndefined();
  expect(unusable).toEqual([expect.stringMatching(/^10\.0\.0\.1:8080: /)]);
});

test('an authority that would break out of a request makes its endpoint unusable', () => {
  expect(read({ authorityOverride: { authorityOverride: 'web\r\nx: y' } })).toBeUndefined();
  expect(unusable).toHaveLength(1);
});

test('this pod itself is dialled at its application, without TLS or what only its proxy takes', () => {
  const meshed = { tlsIdentity: dns, protocolHint: hint };
  expect(read(meshed, '10.0.0.1')).toEqual({ ...plain, noTlsReason: 'loopback' });
  expect(read({ tlsIdentity: {} }, '10.0.0.1')).toEqual({ ...plain, noTlsReason: 'loopback' });
  expect(read(meshed, '10.0.0.2')?.identity).toBeDefined();
  expect(unusable).toEqual([]);
});

test('times that would be load are made longer, those that say never are never', () => {
  const keepAlive = (intervalMs: number, timeoutMs: number) =>
    read({
      http2: { keepAlive: { interval: { nanos: intervalMs * 1e6 }, timeout: { nanos: timeoutMs * 1e6 } } },
    })?.keepAlive;
  expect(keepAlive(1, 1)).toEqual({ intervalMs: 100, timeoutMs: 100 });
  expect(keepAlive(0, 10)).toBeUndefined();
  expect(read({ http2: { keepAlive: { interval: { seconds: 1n } } } })?.keepAlive).toBeUndefined();
});
