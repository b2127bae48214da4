import { expect, it } from 'vitest';
import type { EdgeRow } from '../../lib/figures/query.ts';
import { edgeRows, findFaults } from './edges.ts';

const edge = (seenBy: EdgeRow['seenBy'], more: Partial<EdgeRow> = {}): EdgeRow => ({
  ...{ source: 'bot', sourceNamespace: 'shop', target: 'web', targetNamespace: 'shop', seenBy },
  ...{ account: '', peerIdentity: '', requests: 7, connections: 1, insecure: undefined },
  ...more,
});
const secured = [edge('source'), edge('target')];

it('an edge that both sidecars count as mutual TLS is without fault', () => {
  expect(findFaults(secured, [['bot', 'web']])).toEqual([]);
  expect(edgeRows(secured)).toEqual([['bot', 'web', '7', '√']]);
});

it('plaintext is a fault', () => {
  const plain = edge('target', { source: 'unknown', target: 'db', insecure: 'no_tls_from_remote' });
  expect(findFaults([...secured, plain], [['bot', 'web']])).toEqual([
    '7 requests from unknown to db were not mTLS (no_tls_from_remote)',
  ]);
});

it('a call that nobody made is a fault, on both sides', () => {
  expect(findFaults(secured, [['web', 'db']])).toEqual([
    'no request from web to db was counted by the sidecar of the source',
    'no request from web to db was counted by the sidecar of the target',
  ]);
});
