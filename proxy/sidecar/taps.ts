import type { ExchangeSide } from '../exchange/exchange-side.ts';
import { KeptBytes } from '../exchange/request-body.ts';
import { type OtherTaps, TapService } from '../tap/service.ts';
import { maxHeldBytes } from '../tap/tapped-body.ts';
import { Taps } from '../tap/taps.ts';
import type { MetricsRegistry } from '../telemetry/registry.ts';
import { TapServer, type TapServerOptions } from './tap-server.ts';

interface Parts extends Omit<TapServerOptions, 'service'> {
  readonly registry: MetricsRegistry;
  /** Whose requests are tapped. */
  readonly sides: readonly ExchangeSide[];
  /** Taps on the proxy's other processes; undefined where this is the only one. */
  readonly others: OtherTaps | undefined;
}

/** Taps on the requests of this process, and the server by which users come to them. */
export function tapsOf({ registry, sides, others, ...parts }: Parts): { taps: Taps; tapServer: TapServer } {
  const { config, clock } = parts;
  const shortBodies = registry
    .counter(
      'proxy_tap_bodies_short_total',
      'Bodies that taps were told less of than they asked for, for want of room.',
    )
    .count({});
  const taps = new Taps(clock, sides, {
    allowed: config.tap.bodies,
    room: new KeptBytes(maxHeldBytes),
    onNoRoom: () => shortBodies.value++,
  });
  const service = new TapService({ taps, others, allowed: config.tap.allowed, registry });
  return { taps, tapServer: new TapServer({ ...parts, service }) };
}
