import { FlagParser } from '../flag-parser.ts';
import { type LogLevel, logLevels } from '../telemetry/log.ts';
import { IpNetwork, parseIp } from '../wire/ip-network.ts';

/** Both ends included; a single port has two equal ones. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

export interface Subnet {
  readonly text: string;
  readonly version: 4 | 6;
}

/** What is redirected, and by which program: the flags of linkerd2-proxy-init. */
export interface InitOptions {
  readonly inboundPort: number;
  readonly outboundPort: number;
  /** What this user sends is the proxy's own, and is not redirected. */
  readonly proxyUid: number | undefined;
  readonly proxyGid: number | undefined;
  /** All inbound ports, when there is none. */
  readonly redirectedPorts: readonly number[];
  readonly skippedInboundPorts: readonly PortRange[];
  readonly skippedOutboundPorts: readonly PortRange[];
  /** Connections that come from these are not redirected. */
  readonly skippedSubnets: readonly Subnet[];
  readonly ipv6: boolean;
  /** Print the commands instead of running them. */
  readonly simulate: boolean;
  /** Path of the network namespace to write into; the process's own when undefined. */
  readonly netns: string | undefined;
  /** Of connections whose application has not closed its side; the kernel's own 60 s when undefined. */
  readonly closeWaitTimeoutSeconds: number | undefined;
  readonly firewallProgram: string;
  readonly saveProgram: string;
  readonly logLevel: LogLevel;
  readonly logFormat: 'plain' | 'json';
}

const switches = ['ipv6', 'simulate', 'use-wait-flag'];
const known = [
  ...['incoming-proxy-port', 'outgoing-proxy-port', 'proxy-uid', 'proxy-gid', 'ports-to-redirect'],
  ...['inbound-ports-to-ignore', 'outbound-ports-to-ignore', 'subnets-to-ignore', 'netns', 'timeout-close-wait-secs'],
  ...['firewall-bin-path', 'firewall-save-bin-path', 'log-level', 'log-format'],
];

/** Reads the flags. The lock is always waited for, so `--use-wait-flag` is taken and changes nothing. */
export function readInitOptions(args: readonly string[]): { options: InitOptions; problems: readonly string[] } {
  const flags = new FlagParser(args, known, switches);
  const firewallProgram = flags.text('firewall-bin-path') ?? 'iptables-nft';
  flags.flag('use-wait-flag');
  const options: InitOptions = {
    inboundPort: port(flags, 'incoming-proxy-port', 4143),
    outboundPort: port(flags, 'outgoing-proxy-port', 4140),
    proxyUid: flags.integer('proxy-uid', 1, 2 ** 32 - 2),
    proxyGid: flags.integer('proxy-gid', 1, 2 ** 32 - 2),
    redirectedPorts: flags.list('ports-to-redirect', (text) => readRange(text, false)?.from, 'a port'),
    skippedInboundPorts: ranges(flags, 'inbound-ports-to-ignore'),
    skippedOutboundPorts: ranges(flags, 'outbound-ports-to-ignore'),
    skippedSubnets: flags.list('subnets-to-ignore', readSubnet, 'a network such as 10.0.0.0/8'),
    ipv6: flags.flag('ipv6', true),
    simulate: flags.flag('simulate'),
    netns: flags.text('netns'),
    closeWaitTimeoutSeconds: flags.integer('timeout-close-wait-secs', 0, 86_400) || undefined,
    firewallProgram,
    saveProgram: flags.text('firewall-save-bin-path') ?? `${firewallProgram}-save`,
    logLevel: flags.choice('log-level', logLevels, 'info'),
    logFormat: flags.choice('log-format', ['plain', 'json'], 'plain'),
  };
  if (options.proxyUid === undefined && options.proxyGid === undefined) {
    flags.bad('proxy-uid', undefined, "must be set (or --proxy-gid): else the proxy's own connections come back to it");
  }
  return { options, problems: flags.problems };
}

const port = (flags: FlagParser, name: string, fallback: number): number => flags.integer(name, 1, 65_535) ?? fallback;

const ranges = (flags: FlagParser, name: string): PortRange[] =>
  flags.list(name, (text) => readRange(text, true), 'a port or a range such as 3306 or 9200-9300');

function readRange(text: string, rangesAllowed: boolean): PortRange | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (!match || (match[2] !== undefined && !rangesAllowed)) return undefined;
  const from = Number(match[1]);
  const to = Number(match[2] ?? match[1]);
  return from < 1 || to > 65_535 || to < from ? undefined : { from, to };
}

function readSubnet(text: string): Subnet | undefined {
  const address = parseIp(text.split('/')[0]);
  return address !== undefined && IpNetwork.parse(text) !== undefined ? { text, version: address.version } : undefined;
}
