import { expect, test, vi } from 'vitest';
import type { ControlClient } from '../control/control-client.ts';
import { GrpcError } from '../control/grpc/grpc-channel.ts';
import { Status } from '../control/grpc/status.ts';
import { Log } from '../telemetry/log.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { IdentityClient } from './identity-client.ts';
import type { IdentityConfig } from './identity-config.ts';

test.each([
  ['cannot say', Status.unavailable, [125, 250, 500, 1000]],
  ['is asked by too many', Status.resourceExhausted, [2000, 4000, 8000, 16_000]],
])('asks again, ever later, while the control plane %s', async (_what, code, delaysMs) => {
  const clock = new FakeClock();
  const askedMs: number[] = [];
  const control = {
    channel: () => ({
      unary() {
        askedMs.push(clock.nowMs());
        return Promise.reject(new GrpcError(code, 'not now'));
      },
    }),
  } as unknown as ControlClient;
  const client = new IdentityClient({
    config: { localName: 'web.shop' } as IdentityConfig,
    control,
    timers: clock,
    nowMs: () => clock.nowMs(),
    random: () => 0.5,
    log: new Log(
      'error',
      'plain',
      () => {},
      () => new Date(0),
    ),
    readToken: async () => new Uint8Array(),
    onCertificate: () => expect.unreachable(),
  });
  client.start();
  for (const delayMs of delaysMs) {
    await vi.waitFor(() => expect(clock.pending).toBe(1));
    clock.advance(delayMs);
  }
  await vi.waitFor(() => expect(clock.pending).toBe(1));
  expect(askedMs.map((atMs, i) => atMs - (askedMs[i - 1] ?? 0)).slice(1)).toEqual(delaysMs);
  client.close();
});
