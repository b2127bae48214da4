export interface SocketAddress {
  readonly host: string;
  readonly port: number;
}

/** Splits `host:port` and `[ipv6]:port`. Undefined when there is no valid port. */
export function splitHostPort(text: string): SocketAddress | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  if (!match) return undefined;
  const port = Number(match[3]);
  return port <= 65_535 ? { host: match[1] ?? match[2], port } : undefined;
}
