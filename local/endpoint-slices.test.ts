import { expect, it } from 'vitest';
import { zoneLabel } from '../lib/contract/names.ts';
import type { Pod } from '../lib/kinds/pod.ts';
import { endpointSlices, type SelectingService } from './endpoint-slices.ts';
import { nodeIn, nodesOf } from './zones.ts';

const pod = (name: string, ip: string, httpPort: number, ready = true, namespace = 'shop'): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, labels: { app: 'web' } },
  spec: { containers: [{ name: 'web', ports: [{ name: 'http', containerPort: httpPort }] }] },
  status: { podIP: ip, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
});
const service = (spec: SelectingService['spec']): SelectingService => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'shop' },
  spec,
});
const selector = { app: 'web' };

it('a Service leads to the pods that it selects in its namespace, ready or not', () => {
  const pods = [
    pod('a', '127.77.0.3', 8080),
    pod('b', '127.77.0.4', 8080, false),
    pod('c', '127.77.0.5', 8080, true, 'elsewhere'),
  ];
  const [slice, ...others] = endpointSlices([service({ selector, ports: [{ port: 80, targetPort: 8080 }] })], pods);
  expect(others).toEqual([]);
  expect(slice.ports).toEqual([{ port: 8080, protocol: 'TCP' }]);
  expect(slice.endpoints?.map(({ addresses, conditions }) => [addresses?.[0], conditions?.ready])).toEqual([
    ['127.77.0.3', true],
    ['127.77.0.4', false],
  ]);
});

it('a named target port is each pod’s own, in slices of their own', () => {
  const ports = [{ name: 'web', port: 80, targetPort: 'http' }];
  const slices = endpointSlices([service({ selector, ports })], [pod('a', '::1', 8080), pod('b', '::2', 9090)]);
  expect(slices.map((slice) => slice.ports)).toEqual([
    [{ name: 'web', port: 8080, protocol: 'TCP' }],
    [{ name: 'web', port: 9090, protocol: 'TCP' }],
  ]);
});

it('without a selector a Service selects nothing', () => {
  expect(endpointSlices([service({ ports: [{ port: 80 }] })], [pod('a', '127.77.0.3', 80)])).toEqual([]);
});

it('an endpoint is in the zone that its pod says, on a node of that zone', () => {
  const placed: Pod = { ...pod('a', '127.77.0.3', 8080), spec: { nodeName: nodeIn('a') } };
  const zoned = { ...placed, metadata: { ...placed.metadata, labels: { app: 'web', [zoneLabel]: 'a' } } };
  const nowhere = pod('b', '127.77.0.4', 8080);
  const [{ endpoints }] = endpointSlices([service({ selector, ports: [{ port: 80 }] })], [zoned, nowhere]);
  expect(endpoints?.map(({ zone, nodeName }) => [zone, nodeName])).toEqual([
    ['a', 'local-a'],
    [undefined, undefined],
  ]);
  expect(nodesOf([zoned, nowhere]).map(({ metadata }) => metadata)).toEqual([
    { name: 'local-a', labels: { [zoneLabel]: 'a' } },
  ]);
});
