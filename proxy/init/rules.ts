import type { InitOptions, PortRange } from './options.ts';

/**
 * The rules that lead a pod's TCP connections to its proxy; chains, order and comments are those of
 * linkerd2-proxy-init, so that tools that look for them find them. Pure: arguments of iptables, or of ip6tables.
 */
export type Rule = readonly string[];

/** Most ports that one `multiport` match takes; a range counts as two. */
const multiportLimit = 15;

const chains = {
  redirect: { name: 'PROXY_INIT_REDIRECT', from: 'PREROUTING', comment: 'install-proxy-init-prerouting' },
  output: { name: 'PROXY_INIT_OUTPUT', from: 'OUTPUT', comment: 'install-proxy-init-output' },
} as const;
type Chain = (typeof chains)[keyof typeof chains];

/** @param saved the nat table as `iptables-save` prints it: what an earlier run left is emptied and written anew. */
export function redirectRules(options: InitOptions, version: 4 | 6, saved: string): Rule[] {
  const { redirect, output } = chains;
  return [
    begin(redirect, saved),
    ...skipPorts(redirect, options.skippedInboundPorts),
    ...options.skippedSubnets
      .filter((subnet) => subnet.version === version)
      .map(({ text }) => append(redirect, ['-s', text, '-j', 'RETURN'], `ignore-subnet-${text}`)),
    ...inboundRedirects(redirect, options),
    ...jump(redirect, saved),

    begin(output, saved),
    ...ownerRule(output, 'uid', options.proxyUid, 'ignore-proxy-user-id'),
    ...ownerRule(output, 'gid', options.proxyGid, 'ignore-proxy-group-id'),
    append(output, ['-o', 'lo', '-j', 'RETURN'], 'ignore-loopback'),
    ...skipPorts(output, options.skippedOutboundPorts),
    append(output, toPort(options.outboundPort), 'redirect-all-outgoing-to-proxy-port'),
    ...jump(output, saved),
  ];
}

/** Takes away all that `redirectRules` writes, as far as `saved` shows it. */
export function removalRules(saved: string): Rule[] {
  return Object.values(chains)
    .filter((chain) => exists(chain, saved))
    .flatMap((chain) => [
      ...(isJumpedTo(chain, saved) ? [jumpRule('-D', chain)] : []),
      nat('-F', chain.name),
      nat('-X', chain.name),
    ]);
}

function inboundRedirects(chain: Chain, { redirectedPorts, inboundPort }: InitOptions): Rule[] {
  if (redirectedPorts.length === 0) return [append(chain, toPort(inboundPort), 'redirect-all-incoming-to-proxy-port')];
  return redirectedPorts.map((port) =>
    append(
      chain,
      ['-p', 'tcp', '--dport', `${port}`, ...toPort(inboundPort).slice(2)],
      `redirect-port-${port}-to-proxy-port`,
    ),
  );
}

function skipPorts(chain: Chain, ranges: readonly PortRange[]): Rule[] {
  return inMultiports(ranges).map((ports) => {
    const list = ports.map(({ from, to }) => (from === to ? `${from}` : `${from}:${to}`)).join(',');
    return append(chain, ['-p', 'tcp', '-m', 'multiport', '--dports', list, '-j', 'RETURN'], `ignore-port-${list}`);
  });
}

function inMultiports(ranges: readonly PortRange[]): PortRange[][] {
  const groups: PortRange[][] = [];
  let room = 0;
  for (const range of ranges) {
    const size = range.from === range.to ? 1 : 2;
    if (size > room) {
      groups.push([]);
      room = multiportLimit;
    }
    groups[groups.length - 1].push(range);
    room -= size;
  }
  return groups;
}

const ownerRule = (chain: Chain, kind: 'uid' | 'gid', id: number | undefined, comment: string): Rule[] =>
  id === undefined ? [] : [append(chain, ['-m', 'owner', `--${kind}-owner`, `${id}`, '-j', 'RETURN'], comment)];

const toPort = (port: number): string[] => ['-p', 'tcp', '-j', 'REDIRECT', '--to-ports', `${port}`];
const nat = (...args: string[]): Rule => ['-t', 'nat', ...args];
const commented = (comment: string): string[] => ['-m', 'comment', '--comment', `proxy-init/${comment}`];
const append = (chain: Chain, match: readonly string[], comment: string): Rule =>
  nat('-A', chain.name, ...match, ...commented(comment));

const exists = (chain: Chain, saved: string): boolean => saved.includes(`\n:${chain.name} `);
const isJumpedTo = (chain: Chain, saved: string): boolean =>
  saved.split('\n').some((line) => line.startsWith(`-A ${chain.from} `) && line.endsWith(`-j ${chain.name}`));
const begin = (chain: Chain, saved: string): Rule => nat(exists(chain, saved) ? '-F' : '-N', chain.name);
const jumpRule = (action: '-A' | '-D', chain: Chain): Rule =>
  nat(action, chain.from, '-j', chain.name, ...commented(chain.comment));
const jump = (chain: Chain, saved: string): Rule[] => (isJumpedTo(chain, saved) ? [] : [jumpRule('-A', chain)]);
