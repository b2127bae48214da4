import { describe, expect, it } from 'vitest';
import { readInitOptions } from './options.ts';
import { redirectRules, removalRules } from './rules.ts';

const flags = ['--incoming-proxy-port=4143', '--outgoing-proxy-port', '4140', '--proxy-uid', '2102'];
const options = (...more: string[]) => {
  const read = readInitOptions([...flags, ...more]);
  expect(read.problems).toEqual([]);
  return read.options;
};
const lines = (rules: readonly (readonly string[])[]) => rules.map((rule) => rule.join(' '));
const rulesOf = (version: 4 | 6, ...more: string[]) => lines(redirectRules(options(...more), version, ''));

const begin = (chain: string) => `-t nat -N PROXY_INIT_${chain}`;
const comment = (text: string) => `-m comment --comment proxy-init/${text}`;
const inbound = '-t nat -A PROXY_INIT_REDIRECT';
const outbound = '-t nat -A PROXY_INIT_OUTPUT';
const toInbound = `${inbound} -p tcp -j REDIRECT --to-ports 4143 ${comment('redirect-all-incoming-to-proxy-port')}`;
const intoInbound = `-t nat -A PREROUTING -j PROXY_INIT_REDIRECT ${comment('install-proxy-init-prerouting')}`;
const ignoreUid = `${outbound} -m owner --uid-owner 2102 -j RETURN ${comment('ignore-proxy-user-id')}`;
const ignoreLoopback = `${outbound} -o lo -j RETURN ${comment('ignore-loopback')}`;
const toOutbound = `${outbound} -p tcp -j REDIRECT --to-ports 4140 ${comment('redirect-all-outgoing-to-proxy-port')}`;
const intoOutbound = `-t nat -A OUTPUT -j PROXY_INIT_OUTPUT ${comment('install-proxy-init-output')}`;
const head = [begin('REDIRECT')];
const tail = [begin('OUTPUT'), ignoreUid, ignoreLoopback, toOutbound, intoOutbound];

describe('the rules of an empty table', () => {
  it('redirect all but what the proxy sends and what stays on the host', () => {
    expect(rulesOf(4)).toEqual([...head, toInbound, intoInbound, ...tail]);
  });

  it('leave out inbound ports and subnets, outbound ports, and a group', () => {
    const more = ['--inbound-ports-to-ignore', '4190,4567-4568', '--outbound-ports-to-ignore', '25'];
    expect(rulesOf(4, ...more, '--subnets-to-ignore', '172.17.0.0/16,fd00::/8', '--proxy-gid', '7')).toEqual([
      ...head,
      `${inbound} -p tcp -m multiport --dports 4190,4567:4568 -j RETURN ${comment('ignore-port-4190,4567:4568')}`,
      `${inbound} -s 172.17.0.0/16 -j RETURN ${comment('ignore-subnet-172.17.0.0/16')}`,
      toInbound,
      intoInbound,
      begin('OUTPUT'),
      ignoreUid,
      `${outbound} -m owner --gid-owner 7 -j RETURN ${comment('ignore-proxy-group-id')}`,
      ignoreLoopback,
      `${outbound} -p tcp -m multiport --dports 25 -j RETURN ${comment('ignore-port-25')}`,
      toOutbound,
      intoOutbound,
    ]);
  });

  it('name an IPv6 subnet for IPv6 only, and an IPv4 one for IPv4 only', () => {
    const rules = rulesOf(6, '--subnets-to-ignore', '172.17.0.0/16,fd00::/8');
    expect(rules[1]).toBe(`${inbound} -s fd00::/8 -j RETURN ${comment('ignore-subnet-fd00::/8')}`);
    expect(rules.join('\n')).not.toContain('172.17');
  });

  it('take only the listed ports, when there is a list', () => {
    const redirect = (port: number) =>
      `${inbound} -p tcp --dport ${port} -j REDIRECT --to-ports 4143 ${comment(`redirect-port-${port}-to-proxy-port`)}`;
    expect(rulesOf(4, '--ports-to-redirect', '80,8080')).toEqual([
      ...head,
      redirect(80),
      redirect(8080),
      intoInbound,
      ...tail,
    ]);
  });

  it('put at most 15 ports into one match, of which a range is two', () => {
    const ports = [...Array.from({ length: 14 }, (_, i) => `${100 + i}`), '200-300', '400'];
    const dports = rulesOf(4, '--inbound-ports-to-ignore', ports.join(',')).flatMap(
      (rule) => /--dports (\S+)/.exec(rule)?.[1] ?? [],
    );
    expect(dports).toEqual([ports.slice(0, 14).join(','), '200:300,400']);
  });
});

describe('the rules of a table that an earlier run wrote', () => {
  const saved = `*nat
:PREROUTING ACCEPT [0:0]
:PROXY_INIT_OUTPUT - [0:0]
:PROXY_INIT_REDIRECT - [0:0]
-A PREROUTING -m comment --comment "proxy-init/install-proxy-init-prerouting" -j PROXY_INIT_REDIRECT
-A PROXY_INIT_OUTPUT -o lo -j RETURN
COMMIT
`;

  it('empty its chains, and jump into them once', () => {
    const rules = lines(redirectRules(options(), 4, saved));
    expect(rules).toContain('-t nat -F PROXY_INIT_REDIRECT');
    expect(rules).toContain('-t nat -F PROXY_INIT_OUTPUT');
    expect(rules).not.toContain(intoInbound);
    // The earlier run ended before this one.
    expect(rules).toContain(intoOutbound);
  });

  it('are taken away as far as they are there', () => {
    expect(lines(removalRules(saved))).toEqual([
      `-t nat -D PREROUTING -j PROXY_INIT_REDIRECT ${comment('install-proxy-init-prerouting')}`,
      '-t nat -F PROXY_INIT_REDIRECT',
      '-t nat -X PROXY_INIT_REDIRECT',
      '-t nat -F PROXY_INIT_OUTPUT',
      '-t nat -X PROXY_INIT_OUTPUT',
    ]);
    expect(removalRules('*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n')).toEqual([]);
  });
});

it.each([
  [['--proxy-uid=0'], '--proxy-uid (0) must be a whole number from 1 to 4294967294'],
  [['--incoming-proxy-port', '70000'], '--incoming-proxy-port (70000) must be a whole number from 1 to 65535'],
  [
    ['--inbound-ports-to-ignore', '9300-9200'],
    '--inbound-ports-to-ignore (9300-9200) must be a port or a range such as 3306 or 9200-9300',
  ],
  [['--subnets-to-ignore', '10.0.0.0/33'], '--subnets-to-ignore (10.0.0.0/33) must be a network such as 10.0.0.0/8'],
  [['--ipv6=no'], '--ipv6 (no) must be true or false'],
  [['--netns'], '--netns must have a value'],
])('%j is refused, with the flag and the rule', (args, problem) => {
  expect(readInitOptions([...flags, ...args]).problems).toContain(problem);
});

it('tells every bad flag, and that without a user the proxy would meet itself', () => {
  const { problems } = readInitOptions(['--log-level', 'loud', '--nonsense']);
  expect(problems).toHaveLength(3);
  expect(problems.join('\n')).toContain("'--nonsense' is no flag of this command");
  expect(problems.at(-1)).toBe(
    "--proxy-uid must be set (or --proxy-gid): else the proxy's own connections come back to it",
  );
});
