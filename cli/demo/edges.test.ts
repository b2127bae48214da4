import { expect, it } from 'vitest';
import { parseExposition } from '../../lib/figures/exposition.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import { edgeRows, edges, findFaults } from './edges.ts';

const pod = (name: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: `${name}-0`, ownerReferences: [{ kind: 'Deployment', name }] },
});
const outbound = (labels: string) => parseExposition(`request_total{direction="outbound",${labels}} 7`);
const inbound = (labels: string) => parseExposition(`request_total{direction="inbound",${labels}} 7`);
const secured = new Map([
  [
    pod('bot'),
    outbound('tls="true",server_id="web.shop.serviceaccount.identity.tulle.cluster.local",dst_deployment="web"'),
  ],
  [pod('web'), inbound('tls="true",client_id="bot.shop.serviceaccount.identity.tulle.cluster.local"')],
]);

it('an edge that both sidecars count as mutual TLS is without fault', () => {
  const found = edges(secured);
  expect(findFaults(found, [['bot', 'web']])).toEqual([]);
  expect(edgeRows(found)).toEqual([['bot', 'web', '7', '√']]);
});

it('plaintext is a fault', () => {
  const found = edges(
    new Map([...secured, [pod('db'), inbound('tls="no_identity",no_tls_reason="no_tls_from_remote"')]]),
  );
  expect(findFaults(found, [['bot', 'web']])).toEqual([
    '7 requests from unknown to db were not mTLS (no_tls_from_remote)',
  ]);
});

it('TLS without a client certificate is a fault', () => {
  expect(findFaults(edges(new Map([[pod('web'), inbound('tls="true",client_id=""')]])), [])).toHaveLength(1);
});

it('a call that nobody made is a fault, on both sides', () => {
  expect(findFaults(edges(secured), [['web', 'db']])).toEqual([
    'no request from web to db was counted by the sidecar of the source',
    'no request from web to db was counted by the sidecar of the target',
  ]);
});
