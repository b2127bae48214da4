import type { Clock } from '../clock.ts';
import type { ProxyConfig } from '../config.ts';
import { UdpSender, UnixDatagramSender } from '../net/datagrams.ts';
import { Statsd, type StatsdOptions } from '../statsd/statsd.ts';
import type { MetricsRegistry } from '../telemetry/registry.ts';

interface Parts extends Pick<StatsdOptions, 'scrape'> {
  readonly config: ProxyConfig;
  readonly clock: Clock;
  readonly registry: MetricsRegistry;
}

/** What sends metrics to a statsd server, if there is to be one. */
export function statsdOf({ config: { statsd, admin }, clock, registry, scrape }: Parts): Statsd | undefined {
  // The first process alone has an admin server, and speaks for all.
  if (statsd === undefined || admin.listen.length === 0) return undefined;
  const { address, intervalMs, prefix, tags } = statsd;
  const packets = registry.counter(
    'statsd_packets_total',
    'Datagrams for the statsd server: those that left, or did not.',
  );
  return new Statsd({
    sender:
      address.kind === 'udp'
        ? new UdpSender(address.host, address.port, clock)
        : new UnixDatagramSender(address.path, clock.nowMs),
    timers: clock,
    scrape,
    ...{ intervalMs, prefix, tags },
    onPacket: (left) => packets.add({ outcome: left ? 'sent' : 'dropped' }),
  });
}
