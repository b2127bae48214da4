import { Hold } from '../accept/hold.ts';
import type { PolicyStore } from '../policy/inbound/policy-store.ts';
import type { KnownPortPolicy } from '../policy/inbound/port-policy.ts';
import type { LimitedLog } from '../telemetry/limited-log.ts';
import type { Connection } from '../wire/transport.ts';
import type { InboundMetrics } from './metrics.ts';

export interface KnownPolicyOptions {
  /** Of what clients bring about. */
  peerLog: LimitedLog;
  metrics: InboundMetrics;
  policies: PolicyStore;
}

/**
 * Goes on with a connection once the policy of its port is known, and refuses it when that does not become known. Who
 * goes on releases the policy when the connection is over. `first` are bytes that were read of it.
 */
export function withKnownPolicy(
  connection: Connection,
  port: number,
  first: Uint8Array,
  { peerLog, metrics, policies }: KnownPolicyOptions,
  goOn: (policy: KnownPortPolicy, bytes: Uint8Array) => void,
): void {
  const policy = policies.acquire(port);
  if (policy === undefined) {
    metrics.tcpError('no policy');
    connection.abort();
    return;
  }
  let held: Hold | undefined;
  policy.whenKnown((known) => {
    if (known === undefined) {
      const message = 'connection refused: the control plane has not said who may use its port';
      peerLog.warn(message, message, {
        port,
        client: connection.remoteAddress,
      });
      metrics.tcpError('no policy');
      policy.release();
      connection.abort();
    } else if (held === undefined) goOn(known, first);
    else held.release((bytes) => goOn(known, bytes));
  });
  if (policy.current === undefined) held = new Hold(connection, first, () => policy.release());
}
