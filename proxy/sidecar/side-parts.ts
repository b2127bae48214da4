import type { OpenConnections } from '../accept/open-connections.ts';
import type { TerminateTls } from '../accept/terminate-tls.ts';
import type { Clock } from '../clock.ts';
import type { ProxyConfig, SideConfig } from '../config.ts';
import type { ExchangeSide } from '../exchange/exchange-side.ts';
import type { TraceOverrides } from '../exchange/trace-overrides.ts';
import type { EventLoopTurn } from '../net/turn.ts';
import type { LimitedLog } from '../telemetry/limited-log.ts';
import type { Log } from '../telemetry/log.ts';
import { SocketDialer, type SocketDialerOptions } from '../upstream/dialer.ts';
import type { FieldTable } from '../wire/field-table.ts';
import type { ProxyListeners } from './addresses.ts';
import type { ControlPlane } from './control-plane.ts';

/** What each side of a proxy, the outbound and the inbound one, is made of; all but `side` is the same of both. */
export interface SideParts {
  readonly config: ProxyConfig;
  readonly clock: Clock;
  readonly wallClockMs: () => number;
  readonly log: Log;
  /** Of what clients bring about. */
  readonly peerLog: LimitedLog;
  readonly turn: EventLoopTurn;
  readonly fields: FieldTable;
  readonly open: OpenConnections;
  readonly control: ControlPlane;
  readonly traces: TraceOverrides;
  readonly listeners: ProxyListeners;
  /** Undefined as long as there is no certificate. */
  readonly terminateTls: () => TerminateTls | undefined;
  readonly side: ExchangeSide;
}

/** Dials what one side sends to. */
export function dialerOf(
  { clock, turn, fields, control }: SideParts,
  { connectTimeoutMs, connectOptions, clientKeepAlive }: SideConfig,
  more: Pick<SocketDialerOptions, 'metrics' | 'isOwnListener' | 'meetsSidecars'>,
): SocketDialer {
  return new SocketDialer({
    turn,
    fields,
    connectTimeoutMs,
    socketOptions: connectOptions,
    keepAlive: clientKeepAlive,
    timers: clock,
    tls: () => control.tls,
    ...more,
  });
}
