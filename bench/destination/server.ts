/**
 * The destination service in a process of its own, on a source in memory. Says `{port}` to its parent, and takes
 * `{change: n}`: the last endpoint goes when n is odd, and comes back when it is even.
 *
 * Usage: node bench/destination/server.ts ENDPOINTS (forked)
 */
import {
  namespace,
  node,
  type PodOptions,
  pod,
  service,
  slice,
  startTestDestination,
} from '../../control-plane/destination/testing.ts';

const endpoints = Number(process.argv[2]);
const perSlice = 100;
const zones = ['a', 'b', 'c'];

const ipOf = (index: number): string => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
const options = (index: number): PodOptions => ({
  name: `web-6d4f7c9b5-${index}`,
  spec: { nodeName: `n${index % zones.length}` },
});
const endpointOf = (index: number): object => ({
  addresses: [ipOf(index)],
  conditions: { ready: true },
  zone: zones[index % zones.length],
  targetRef: { kind: 'Pod', name: options(index).name, namespace: 'shop' },
});
/** A slice with its first endpoints. */
const sliceOf = (first: number, count: number): object =>
  slice(
    Array.from({ length: count }, (_, i) => endpointOf(first + i)),
    {},
    `web-${first}`,
  );

const destination = await startTestDestination();
const { source } = destination;
source.put(namespace(), service(), ...zones.map((zone, i) => node(`n${i}`, zone)));
for (let index = 0; index < endpoints; index++) source.put(pod(ipOf(index), options(index)));
for (let first = 0; first < endpoints; first += perSlice)
  source.put(sliceOf(first, Math.min(perSlice, endpoints - first)));

const lastSlice = Math.floor((endpoints - 1) / perSlice) * perSlice;
process.on('message', ({ change }: { change: number }) =>
  source.put(sliceOf(lastSlice, endpoints - lastSlice - (change % 2))),
);
process.on('disconnect', () => process.exit(0));
process.send!({ port: destination.port });
