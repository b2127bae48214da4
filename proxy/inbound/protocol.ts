import { peek } from '../accept/peek.ts';
import type { KnownPortPolicy } from '../policy/inbound/port-policy.ts';
import { detectHttp } from '../wire/detect/http-detect.ts';
import type { HttpVersion } from '../wire/stream.ts';
import type { Connection } from '../wire/transport.ts';
import { InboundHttp, type InboundHttpOptions } from './http.ts';
import type { Incoming } from './incoming.ts';
import { carryOpaque } from './tcp.ts';

export type InboundProtocolOptions = InboundHttpOptions;

const detectLimitBytes = 16 * 1024;
/**
 * A silent connection for which its client has no room waits as long again, and is looked at so often: those of a pool
 * come together, and each makes room as soon as its server has greeted it.
 */
const silentLooks = 20;

/** Carries a connection that may speak anything as opaque bytes, unless it turns out to be HTTP after all. */
export function carryUnknown(
  connection: Connection,
  incoming: Incoming,
  policy: KnownPortPolicy,
  bytes: Uint8Array,
  options: InboundProtocolOptions,
): void {
  carryOpaque(connection, incoming, policy, bytes, options, (first) => {
    const version = detectHttp(first, true) === 'http2' ? 'http2' : 'http1';
    new InboundHttp(options, connection, incoming, policy, version).serve(first);
  });
}

/**
 * Serves a connection as what it speaks: HTTP of either version, or opaque bytes. `told` is what the client's proxy said
 * of it, if it did; with `final` nothing more than `bytes` will come soon.
 *
 * What policy declares is what the application speaks. Between two proxies HTTP/1 is carried over HTTP/2, so an HTTP/1
 * application may well be called over HTTP/2 (linkerd/app/inbound/src/detect.rs).
 */
export function serveProtocol(
  connection: Connection,
  incoming: Incoming,
  policy: KnownPortPolicy,
  bytes: Uint8Array,
  told: HttpVersion | undefined,
  final: boolean,
  options: InboundProtocolOptions,
): void {
  const { protocol, detectTimeoutMs } = policy.current;
  const http = (version: HttpVersion, held: Uint8Array): void =>
    new InboundHttp(options, connection, incoming, policy, version).serve(held);
  const isDeclared = protocol === 'http1' || protocol === 'http2';
  if (told !== undefined) {
    http(told, bytes);
    return;
  }
  if (protocol === 'opaque' || protocol === 'tls') {
    carryOpaque(connection, incoming, policy, bytes, options);
    return;
  }
  const mayBeCarried = protocol === 'http1' && incoming.client.identity !== undefined;
  if (isDeclared && !mayBeCarried) {
    http(protocol, bytes);
    return;
  }
  let looks = silentLooks;
  const decide = (held: Uint8Array, isFinal: boolean): boolean => {
    const detected = detectHttp(held, isFinal);
    if (detected === 'more') return false;
    if (detected !== 'opaque') http(detected, held);
    else if (isDeclared) http(protocol, held);
    else if (held.length > 0 || connection.budget?.mayBeSilent(connection, looks === 0) !== false) {
      carryUnknown(connection, incoming, policy, held, options);
    } else if (looks > 0) {
      looks--;
      const again = { timeoutMs: detectTimeoutMs / silentLooks, limitBytes: detectLimitBytes };
      peek(connection, again, options.clock, decide, () => policy.release());
    } else {
      policy.release();
      connection.abort();
    }
    return true;
  };
  if (final) {
    decide(bytes, true);
    return;
  }
  const limits = { timeoutMs: detectTimeoutMs, limitBytes: detectLimitBytes };
  peek(connection, limits, options.clock, decide, () => policy.release());
  if (bytes.length > 0) connection.handler.onBytes(bytes);
}
