import type { EnvParser } from '../env-parser.ts';
import { type TagFormat, tagFormats } from '../statsd/lines.ts';
import { splitHostPort } from '../wire/host-port.ts';

export type StatsdAddress =
  | { readonly kind: 'udp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

export interface StatsdConfig {
  /** `STATSD_ADDR`: `host:port`, or `unix:/path`. */
  readonly address: StatsdAddress;
  /** `STATSD_TAGS`. Default `dogstatsd`. */
  readonly tags: TagFormat;
  /** `STATSD_PREFIX`, before all names. Default `tulle.`. */
  readonly prefix: string;
  /** `STATSD_INTERVAL`: how often what is new is sent. Default 1 s, at least 100 ms. */
  readonly intervalMs: number;
}

/** Undefined without an address: nothing is sent. */
export function statsdConfig(env: EnvParser): StatsdConfig | undefined {
  const text = env.text('STATSD_ADDR');
  const tags = env.choice('STATSD_TAGS', tagFormats, 'dogstatsd');
  const prefix = env.text('STATSD_PREFIX') ?? 'tulle.';
  const intervalMs = env.durationMs('STATSD_INTERVAL', 1000);
  if (!/^[\w.-]{0,100}$/.test(prefix)) {
    env.bad('STATSD_PREFIX', prefix, 'must be at most 100 letters, digits, dots, dashes and underscores');
  }
  if (intervalMs < 100) env.bad('STATSD_INTERVAL', env.text('STATSD_INTERVAL'), 'must be at least 100ms');
  if (text === undefined) return undefined;
  const address = readAddress(text);
  if (address === undefined) {
    env.bad('STATSD_ADDR', text, 'must be a host and port such as 127.0.0.1:8125, or unix:/run/statsd.sock');
    return undefined;
  }
  return { address, tags, prefix, intervalMs };
}

function readAddress(text: string): StatsdAddress | undefined {
  const [, path] = /^unix:(?:\/\/)?(\/.{1,106})$/.exec(text) ?? [];
  if (path !== undefined) return { kind: 'unix', path };
  const address = splitHostPort(text);
  return address && { kind: 'udp', ...address };
}
