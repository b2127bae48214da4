import type { ProxyConfig, SocketAddress } from '../config.ts';
import { OwnListeners } from '../net/own-listeners.ts';
import type { SocketConnection } from '../net/socket-connection.ts';
import { originalDestination } from '../net/system-calls.ts';
import type { Connection } from '../wire/transport.ts';

/** Further listeners of explicit mode are on the addresses of the first. */
export function inboundAddresses({ listen: own, explicitPorts }: ProxyConfig['inbound']): SocketAddress[] {
  const hosts = [...new Set(own.map(({ host }) => host))];
  return [...own, ...hosts.flatMap((host) => [...explicitPorts.keys()].map((port) => ({ host, port })))];
}

/** Where a proxy itself listens. */
export interface ProxyListeners {
  readonly own: OwnListeners;
  /** All but those of the inbound side, which lead to the workload alone. */
  readonly notForWorkload: OwnListeners;
}

export function listenersOf({ inbound, outbound, admin, tap }: ProxyConfig): ProxyListeners {
  const others = [...outbound.listen, ...admin.listen, ...tap.listen];
  return {
    own: new OwnListeners([...inboundAddresses(inbound), ...others]),
    notForWorkload: new OwnListeners(others),
  };
}

/** Where a redirected connection went; undefined when it was not redirected. */
export function originalDestinationOf(connection: Connection): { address: string; port: number } | undefined {
  const fd = ((connection as SocketConnection).native as unknown as { fd: number } | undefined)?.fd;
  return fd === undefined ? undefined : originalDestination(fd);
}
