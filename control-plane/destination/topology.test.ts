import { beforeEach, expect, test } from 'vitest';
import { destinationPerTest, told, webPath } from './destination-per-test.ts';
import { endpoint, node, pod, service, slice, startTestDestination } from './testing.ts';

const destination = destinationPerTest();
const { put } = destination;
beforeEach(() => {
  put(node('n1', 'a'), node('n2', 'b'), node('n3', 'c'), service());
  put(pod('10.0.0.1'), pod('10.0.0.2', { spec: { nodeName: 'n2' } }), pod('10.0.0.3', { spec: { nodeName: 'n2' } }));
});

interface Address {
  addr: { ip: { ipv4?: number; ipv6?: object } };
  metricLabels: Record<string, string>;
}
/** Last number of each address that an Add tells, with its locality. */
const added = (message: unknown): string[] =>
  (message as { add: { addrs: Address[] } }).add.addrs.map(
    ({ addr, metricLabels }) => `${(addr.ip.ipv4 ?? 0) & 255} ${metricLabels.zone_locality}`,
  );
const hinted = (ip: string, zone: string, ...zones: string[]) =>
  endpoint(ip, { zone, hints: zones.length === 0 ? undefined : { forZones: zones.map((name) => ({ name })) } });

test('an endpoint is labelled as of the own zone, another one, or an unknown one', async () => {
  put(slice([hinted('10.0.0.1', 'a'), hinted('10.0.0.2', 'b'), endpoint('10.0.0.3')]));
  const seen = destination.get(webPath, { ns: 'shop', nodeName: 'n1', pod: 'client' });
  await told(seen, 1);
  expect(added(seen.messages[0])).toEqual(['1 local', '2 remote', '3 unknown']);
  put(node('n1', 'b'));
  await told(seen, 2);
  expect(added(seen.messages[1])).toEqual(['1 remote', '2 local', '3 unknown']);
});

test('hints keep to a zone, until an endpoint has none; without any for the zone all are told', async () => {
  const inA = hinted('10.0.0.1', 'a', 'a');
  const inB = hinted('10.0.0.2', 'b', 'b');
  put(slice([inA, inB]));
  const [a, b, c, nowhere] = ['n1', 'n2', 'n3', undefined].map((nodeName) => destination.get(webPath, { nodeName }));
  for (const seen of [a, b, c, nowhere]) await told(seen, 1);
  expect(added(a.messages[0])).toEqual(['1 local']);
  expect(added(b.messages[0])).toEqual(['2 local']);
  expect(added(c.messages[0])).toEqual(['1 remote', '2 remote']);
  expect(added(nowhere.messages[0])).toEqual(['1 unknown', '2 unknown']);
  put(slice([inA, inB, hinted('10.0.0.3', 'b')]));
  await told(a, 2);
  expect(added(a.messages[1])).toEqual(['2 remote', '3 remote']);
  put(slice([inA, inB, hinted('10.0.0.3', 'b', 'b', 'c')]));
  await told(a, 3);
  expect(a.messages[2]).toEqual({
    remove: { addrs: [2, 3].map((i) => ({ ip: { ipv4: 0x0a000000 + i }, port: 8080 })) },
  });
});

test('a client that asks for all zones is told them with their locality, and one beside it that does not is not', async () => {
  put(slice([hinted('10.0.0.1', 'a', 'a'), hinted('10.0.0.2', 'b', 'b')]));
  const all = destination.get(webPath, { nodeName: 'n1' }, true);
  const own = destination.get(webPath, { nodeName: 'n1' });
  await told(all, 1);
  await told(own, 1);
  expect(added(all.messages[0])).toEqual(['1 local', '2 remote']);
  expect(added(own.messages[0])).toEqual(['1 local']);
  put(node('n1', 'b'));
  await told(all, 2);
  expect(added(all.messages[1])).toEqual(['1 remote', '2 local']);
  put(service({ internalTrafficPolicy: 'Local' }));
  await told(all, 3);
  expect(all.messages[2]).toEqual({ remove: { addrs: [{ ip: { ipv4: 0x0a000002 }, port: 8080 }] } });
});

test('internalTrafficPolicy Local keeps to the node, however few are left, and is told when it changes', async () => {
  put(slice([hinted('10.0.0.1', 'a', 'b'), hinted('10.0.0.2', 'b', 'b')]));
  const [one, two, three, nowhere] = ['n1', 'n2', 'n3', undefined].map((nodeName) =>
    destination.get(webPath, { nodeName }),
  );
  for (const seen of [one, two, three, nowhere]) await told(seen, 1);
  put(service({ internalTrafficPolicy: 'Local' }));
  await told(one, 2);
  expect(one.messages[1]).toEqual({ remove: { addrs: [{ ip: { ipv4: 0x0a000002 }, port: 8080 }] } });
  await told(two, 2);
  expect(two.messages[1]).toEqual({ remove: { addrs: [{ ip: { ipv4: 0x0a000001 }, port: 8080 }] } });
  for (const seen of [three, nowhere]) {
    await told(seen, 2);
    expect(seen.messages[1]).toEqual({ noEndpoints: { exists: true } });
  }
  put(slice([hinted('10.0.0.1', 'a'), hinted('10.0.0.2', 'b'), hinted('10.0.0.3', 'b')]));
  await told(two, 3);
  expect(added(two.messages[2])).toEqual(['3 local']);
  put(service());
  await told(three, 3);
  expect(added(three.messages[2])).toEqual(['1 remote', '2 remote', '3 remote']);
  expect(one.messages).toHaveLength(3);
});

test.each([
  [false, [4, 4]],
  [true, [6, 4]],
])('of a pod with two addresses one is told: with IPv6 %s', async (ipv6, families) => {
  const other = await startTestDestination({ ipv6 });
  other.source.put(
    service(),
    pod('10.0.0.1'),
    pod('10.0.0.2'),
    slice([endpoint('10.0.0.1'), endpoint('10.0.0.2')], {}, 'four'),
    slice([endpoint('fd00::1')], { addressType: 'IPv6' }, 'six'),
  );
  const seen = other.get(webPath);
  await told(seen, 1);
  const told6 = (seen.messages[0] as { add: { addrs: Address[] } }).add.addrs
    .sort((a, b) => a.metricLabels.pod.localeCompare(b.metricLabels.pod))
    .map(({ addr }) => (addr.ip.ipv6 === undefined ? 4 : 6));
  expect(told6).toEqual(families);
  await other.stop();
});
