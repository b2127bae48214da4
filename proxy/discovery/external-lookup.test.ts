import { create } from '@bufbuild/protobuf';
import { beforeEach, expect, it } from 'vitest';
import { OutboundPolicySchema } from '../../api/gen/outbound_pb.js';
import type { GrpcChannel, StreamHandlers } from '../control/grpc/grpc-channel.ts';
import { Status } from '../control/grpc/status.ts';
import { Log } from '../telemetry/log.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { ExternalLookup } from './external-lookup.ts';
import { KnownTargets } from './known-targets.ts';

let clock: FakeClock;
let told: string[];
let known: KnownTargets;
let answer: StreamHandlers<typeof OutboundPolicySchema>;

/** Ways of a control plane that answers when the test says so. */
const channel = {
  stream(_method: unknown, _request: unknown, handlers: StreamHandlers<typeof OutboundPolicySchema>) {
    answer = handlers;
    return () => {};
  },
} as unknown as GrpcChannel;

beforeEach(() => {
  clock = new FakeClock();
  told = [];
  known = new KnownTargets();
});

function look(): ExternalLookup {
  const log = new Log(
    'off',
    'plain',
    () => {},
    () => new Date(0),
  );
  const policy = { channel: () => channel, workload: '' };
  const options = { clock, channel: () => channel, context: '', log, policy, ownAddresses: new Set<string>(), known };
  return new ExternalLookup({ host: '198.51.100.7', port: 443 }, options, {
    onOpaque: () => {},
    onPolicy: ({ protocol }) => void told.push(protocol),
    onRoutes: () => {},
    onEndpoints: () => {},
    onUnknown: () => void told.push('unknown'),
  });
}
const opaque = () => create(OutboundPolicySchema, { protocol: { kind: { case: 'opaque', value: {} } } });

it('the target is unknown once policy has spoken of it, and not before', () => {
  look();
  clock.advance(60_000);
  expect(told).toEqual([]);
  answer.onMessage(opaque());
  expect(told).toEqual(['opaque', 'unknown']);
  answer.onMessage(create(OutboundPolicySchema));
  expect(told).toEqual(['opaque', 'unknown', 'detect']);
});

it('what the control plane has no policy for goes by what its first bytes tell', () => {
  look();
  answer.onEnd(Status.notFound, '');
  expect(told).toEqual(['detect', 'unknown']);
});

it('what an earlier lookup found holds while nobody answers', () => {
  const first = look();
  answer.onMessage(opaque());
  expect(first.mustBeKept).toBe(false);
  first.close();
  told = [];
  look();
  clock.advance(249);
  expect(told).toEqual([]);
  clock.advance(1);
  expect(told).toEqual(['opaque', 'unknown']);
});

it('one that never had an answer knows nothing better', () => {
  look().close();
  look();
  clock.advance(1000);
  expect(told).toEqual([]);
});
