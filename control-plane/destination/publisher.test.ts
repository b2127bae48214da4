import { afterEach, beforeEach, expect, test } from 'vitest';
import { ClusterIndex } from '../cluster/cluster-index.ts';
import type { Subscriber } from './audience.ts';
import { type ServiceEndpoint, serviceEndpoints } from './endpoints.ts';
import { Publisher } from './publisher.ts';
import { decodeUpdate, endpoint, MemorySource, node, pod, service, slice, testConfig } from './testing.ts';

let source: MemorySource;
let index: ClusterIndex;
beforeEach(() => {
  source = new MemorySource();
  index = new ClusterIndex(source);
  source.put(node('n1', 'a'), node('n2', 'a'), node('n3', 'b'), service());
  source.put(slice([endpoint('10.0.0.1')], {}, 'one'), slice([endpoint('10.0.0.2')], {}, 'two'));
  source.put(pod('10.0.0.1'), pod('10.0.0.2'), pod('10.0.0.3'));
});
afterEach(() => index.close());

const target = { kind: 'service', namespace: 'shop', name: 'web', port: 80, hostname: undefined } as const;
const nextTurn = (): Promise<void> => new Promise((done) => setImmediate(done));
const subscriber = (name?: string): Subscriber & { readonly told: Buffer[] } => {
  const told: Buffer[] = [];
  return { node: name, allZones: false, told, send: (messages) => told.push(...messages) };
};

test('clients of one zone are sent the same bytes, made once', async () => {
  const publisher = new Publisher(target, index, testConfig);
  const [first, second, other] = ['n1', 'n2', 'n3'].map(subscriber);
  for (const each of [first, second, other]) publisher.subscribe(each);
  source.put(slice([endpoint('10.0.0.1'), endpoint('10.0.0.3')], {}, 'one'));
  await nextTurn();
  expect(first.told).toHaveLength(2);
  expect(second.told[0]).toBe(first.told[0]);
  expect(second.told[1]).toBe(first.told[1]);
  expect(other.told[1]).not.toBe(first.told[1]);
  expect(decodeUpdate(first.told[1])).toMatchObject({ add: { addrs: [{ metricLabels: { pod: 'web-3' } }] } });
  publisher.close();
});

test('one that is removed is told nothing more, and a publisher that is closed tells nobody', async () => {
  const publisher = new Publisher(target, index, testConfig);
  const [gone, stays] = [subscriber('n1'), subscriber()];
  publisher.subscribe(gone);
  publisher.subscribe(stays);
  publisher.remove(gone);
  source.put(slice([], {}, 'one'));
  await nextTurn();
  expect([gone.told.length, stays.told.length, publisher.subscribers]).toEqual([1, 2, 1]);
  publisher.close();
  source.put(slice([], {}, 'two'));
  await nextTurn();
  expect(stays.told).toHaveLength(2);
});

test('a change of one slice leaves the endpoints of the others as they were made', () => {
  const make = (reuse?: Map<string, ServiceEndpoint>) =>
    serviceEndpoints(index.services.get('shop/web')!, 80, undefined, index, testConfig, reuse);
  const before = make();
  source.put(slice([endpoint('10.0.0.2', { zone: 'a' })], {}, 'two'));
  const after = make(before);
  expect(after.get('10.0.0.1:8080')).toBe(before.get('10.0.0.1:8080'));
  expect(after.get('10.0.0.2:8080')).not.toBe(before.get('10.0.0.2:8080'));
  expect(after.get('10.0.0.2:8080')?.zone).toBe('a');
});

test('several changes of one turn are told together', async () => {
  const publisher = new Publisher(target, index, testConfig);
  const client = subscriber();
  publisher.subscribe(client);
  source.put(slice([], {}, 'one'));
  source.put(slice([endpoint('10.0.0.1')], {}, 'two'));
  source.delete(pod('10.0.0.2'));
  await nextTurn();
  expect(client.told.slice(1).map(decodeUpdate)).toEqual([
    { remove: { addrs: [{ ip: { ipv4: 0x0a000002 }, port: 8080 }] } },
  ]);
  publisher.close();
});
