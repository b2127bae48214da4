import { create } from '@bufbuild/protobuf';
import { type ServiceError, status } from '@grpc/grpc-js';
import { expect, test, vi } from 'vitest';
import { Destination, GetDestinationSchema } from '../../api/gen/destination_pb.js';
import { destinationPerTest, webPath } from './destination-per-test.ts';
import { endpoint, namespace, pod, service, slice } from './testing.ts';

const destination = destinationPerTest();

const metric = async (name: string): Promise<object[]> =>
  (await destination.metrics().getSingleMetric(name)!.get()).values.map(({ labels, value }) => ({ ...labels, value }));

test('a client that does not read is cut off and counted; the others are told everything in time', async () => {
  // Messages of some 17 KB: the window of the slow client is soon full.
  const many = Array.from({ length: 60 }, (_, i) =>
    endpoint(`10.0.0.${i % 256}`, { addresses: [`10.1.${i >> 8}.${i & 255}`] }),
  );
  const names = new Set(many.map((each) => (each as { targetRef: { name: string } }).targetRef.name));
  destination.put(service(), slice(many), ...[...names].map((name) => pod('10.0.0.1', { name })));
  const request = create(GetDestinationSchema, { path: webPath });
  const slow = destination.client().stream(Destination.method.get, request);
  let code: number | undefined;
  slow.on('error', (error: ServiceError) => {
    code = error.code;
  });
  // A stream of grpc-js that was never read takes all that comes: it is to be read once.
  slow.once('data', () => slow.pause());
  const fast = destination.client().stream(Destination.method.get, request);
  let read = 0;
  fast.on('data', () => read++).on('error', () => {});
  await vi.waitFor(() => expect(read).toBe(1));
  let changes = 0;
  while (changes < 400 && (await metric('endpoint_updates_queue_overflow')).length === 0) {
    changes++;
    destination.put(namespace('shop', { 'config.linkerd.io/opaque-ports': String(changes % 2 ? 8080 : 1) }));
    await vi.waitFor(() => expect(read).toBe(changes + 1), { interval: 1 });
  }
  expect(changes).toBeGreaterThan(100);
  expect(await metric('endpoint_updates_queue_overflow')).toEqual([{ service: webPath.split(':')[0], value: 1 }]);
  const labels = { cluster: 'local', namespace: 'shop', service: 'web', port: '80', hostname: '' };
  await vi.waitFor(async () => expect(await metric('endpoints_subscribers')).toEqual([{ ...labels, value: 1 }]));
  slow.resume();
  await vi.waitFor(() => expect(code).toBe(status.ABORTED), 10_000);
  fast.cancel();
});

test('metrics tell of each target how many follow it, and end with the last of them', async () => {
  destination.put(service(), slice([endpoint('10.0.0.1'), endpoint('10.0.0.2')]), pod('10.0.0.1'), pod('10.0.0.2'));
  const request = create(GetDestinationSchema, { path: webPath });
  const calls = [1, 2].map(() => destination.client().stream(Destination.method.get, request));
  for (const call of calls) call.on('error', () => {}).resume();
  const profiles = [destination.getProfile(webPath), destination.getProfile(webPath, { ns: 'client' })];
  const other = destination.getProfile('192.0.2.1:80');
  for (const seen of [...profiles, other]) await vi.waitFor(() => expect(seen.messages).toHaveLength(1));
  const labels = { cluster: 'local', namespace: 'shop', service: 'web', port: '80', hostname: '' };
  expect(await metric('endpoints_subscribers')).toEqual([{ ...labels, value: 2 }]);
  expect(await metric('endpoints_pods')).toEqual([{ ...labels, value: 2 }]);
  expect(await metric('endpoints_exists')).toEqual([{ ...labels, value: 1 }]);
  expect(await metric('service_subscribers')).toEqual([{ namespace: 'shop', name: 'web', value: 2 }]);
  const profile = { namespace: 'shop', profile: 'web.shop.svc.cluster.local' };
  const ofAddresses = { namespace: '', profile: '', value: 1 };
  expect(await metric('profile_subscribers')).toEqual([{ ...profile, value: 2 }, ofAddresses]);
  expect(await metric('profile_updates')).toEqual([{ ...profile, value: 2 }, ofAddresses]);
  destination.put(slice([endpoint('10.0.0.1')]));
  await vi.waitFor(async () => expect(await metric('endpoints_updates')).toEqual([{ ...labels, value: 1 }]));
  for (const call of calls) call.cancel();
  for (const name of ['endpoints_subscribers', 'endpoints_updates', 'endpoints_pods', 'endpoints_exists'])
    await vi.waitFor(async () => expect(await metric(name)).toEqual([]));
});
