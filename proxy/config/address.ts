import type { ControlAddress } from '../control/control-address.ts';
import type { EnvParser } from '../env-parser.ts';
import { type SocketAddress, splitHostPort } from '../wire/host-port.ts';
import { formatIp, IpNetwork, parseIp } from '../wire/ip-network.ts';

/** `NAME_LISTEN_ADDRS`, else `NAME_LISTEN_ADDR`, else the default. */
export function listenAddresses(env: EnvParser, name: string, fallback: string): SocketAddress[] {
  const [several, one] = [`${name}_LISTEN_ADDRS`, `${name}_LISTEN_ADDR`].map((variable) =>
    env.list(variable, readIpAndPort, 'an IP address and port such as 127.0.0.1:4140'),
  );
  if (several.length > 0) return several;
  return one.length > 0 ? one : [readIpAndPort(fallback)!];
}

/** `NAME_SVC_ADDR` and `NAME_SVC_NAME`; undefined, and told, when there is no valid address. */
export function controlAddress(env: EnvParser, name: string, purpose: string): ControlAddress | undefined {
  const text = env.required(`${name}_SVC_ADDR`, purpose);
  const serverName = env.text(`${name}_SVC_NAME`);
  if (text === '') return undefined;
  const address = splitHostPort(text);
  if (address === undefined) {
    const example = 'tulle-dst-headless.tulle.svc.cluster.local.:8086';
    env.bad(`${name}_SVC_ADDR`, text, `must be a host and port such as ${example}`);
    return undefined;
  }
  const isLocal = /^(localhost\.?|127\.\d+\.\d+\.\d+|::1)$/.test(address.host);
  if (serverName === undefined && !isLocal) {
    const rule = `must be set: ${address.host} is not this host, so it has to prove its identity`;
    env.bad(`${name}_SVC_NAME`, undefined, rule);
  }
  return { ...address, serverName };
}

/** What stands for an address that was told to be missing: the configuration as a whole is refused. */
export const noAddress: ControlAddress = { host: '', port: 0, serverName: undefined };

export const networks = (env: EnvParser, name: string, fallback: string): IpNetwork[] =>
  env.text(name) === undefined
    ? fallback.split(',').map((network) => IpNetwork.parse(network)!)
    : env.list(name, (text) => IpNetwork.parse(text), 'a network such as 10.0.0.0/8');

export function portSet(env: EnvParser, name: string): Set<number> {
  const ranges = env.list(name, readPortRange, 'a port or a range such as 3306 or 9200-9300');
  return new Set(ranges.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => from + i)));
}

/** Pairs such as `14143=8080`. */
export const portPairs = (env: EnvParser, name: string): Map<number, number> =>
  new Map(env.list(name, readPortPair, 'a listener and its port such as 14143=8080'));

export function readPort(text: string): number | undefined {
  const port = Number(text);
  return /^\d{1,5}$/.test(text) && port > 0 && port <= 65_535 ? port : undefined;
}

/** As `formatIp` writes it, so that addresses can be compared as text. */
export function readIp(text: string): string | undefined {
  const ip = parseIp(text);
  return ip === undefined ? undefined : formatIp(ip);
}

function readPortRange(text: string): [number, number] | undefined {
  const [from, to = from] = text.split('-').map(readPort);
  return from === undefined || to === undefined || to < from ? undefined : [from, to];
}

function readPortPair(text: string): [number, number] | undefined {
  const [listener, port] = text.split('=').map(readPort);
  return listener === undefined || port === undefined ? undefined : [listener, port];
}

function readIpAndPort(text: string): SocketAddress | undefined {
  const address = splitHostPort(text);
  return address !== undefined && parseIp(address.host) !== undefined ? address : undefined;
}
