import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { worksInNamespaces } from './requirements.ts';

/** The networks of the cluster. They exist in network namespaces only, from which no link leads out. */
export const addresses = {
  controlPlane: '172.30.0.1',
  kubernetesService: '10.96.0.1',
  dns: '10.96.0.10',
} as const;

/** The networks of one version of IP. */
interface Family {
  readonly version: 4 | 6;
  readonly everywhere: string;
  readonly pods: string;
  readonly services: string;
  readonly controlPlane: string;
  readonly machineBits: number;
  readonly node: (number: number) => string;
  readonly podsOfNode: (number: number) => string;
}

const ipv4: Family = {
  version: 4,
  everywhere: '0.0.0.0/0',
  pods: '10.244.0.0/16',
  services: '10.96.0.0/16',
  controlPlane: addresses.controlPlane,
  machineBits: 24,
  node: (number) => `172.30.0.${10 + number}`,
  podsOfNode: (number) => `10.244.${number}.0/24`,
};
const ipv6: Family = {
  version: 6,
  everywhere: '::/0',
  pods: 'fd00:10:244::/56',
  services: 'fd00:10:96::/112',
  controlPlane: 'fd00:172:30::1',
  machineBits: 64,
  node: (number) => `fd00:172:30::${10 + number}`,
  podsOfNode: (number) => `fd00:10:244:${number}::/64`,
};

/** Succeeds where the kernel has IPv6 and can translate its addresses, as Services need it. */
const hasIpv6 = 'grep -q 0 /proc/sys/net/ipv6/conf/all/disable_ipv6 && ip6tables -t nat -S';

/** The versions of IP that pods and Services have here, IPv4 first. */
export function ipFamilies(): readonly Family[] {
  return worksInNamespaces(['--net'], hasIpv6) ? [ipv4, ipv6] : [ipv4];
}

export const controlPlaneMachine = 'cp';
export const nodeName = (number: number): string => `node${number}`;
/** The address by which the API server reaches a node. */
export const nodeAddress = ipv4.node;

export const namespaceOf = (machine: string): string => `tulle-${machine}`;
export const namespaceFile = (machine: string): string => `/run/netns/${namespaceOf(machine)}`;

/** Makes a network namespace for each machine, and in that of the control plane the bridge that all are plugged into. */
export function makeNetwork(nodes: number, families: readonly Family[]): void {
  const numbers = Array.from({ length: nodes }, (_, index) => index + 1);
  for (const machine of [controlPlaneMachine, ...numbers.map(nodeName)]) {
    ip(`netns add ${namespaceOf(machine)}`);
    ip(`-n ${namespaceOf(machine)} link set lo up`);
  }
  const hub = `-n ${namespaceOf(controlPlaneMachine)}`;
  ip(`${hub} link add machines type bridge`);
  ip(`${hub} link set machines up`);
  for (const number of numbers) {
    const node = nodeName(number);
    const inNode = `-n ${namespaceOf(node)}`;
    ip(`${hub} link add ${node} type veth peer name eth0 netns ${namespaceOf(node)}`);
    ip(`${hub} link set ${node} master machines up`);
    ip(`${inNode} link set eth0 up`);
  }
  for (const family of families) addAddresses(numbers, family);
}

function addAddresses(numbers: readonly number[], family: Family): void {
  const { version, controlPlane, machineBits, node, podsOfNode } = family;
  // Nobody else is there to have an address already.
  const flags = version === 6 ? ' nodad' : '';
  const add = (machine: string, address: string, device: string): void =>
    ip(`-${version} -n ${namespaceOf(machine)} addr add ${address}/${machineBits} dev ${device}${flags}`);
  add(controlPlaneMachine, controlPlane, 'machines');
  for (const number of numbers) add(nodeName(number), node(number), 'eth0');
  for (const number of numbers) {
    const route = `route add ${podsOfNode(number)} via ${node(number)}`;
    for (const machine of [controlPlaneMachine, ...numbers.filter((other) => other !== number).map(nodeName)])
      ip(`-${version} -n ${namespaceOf(machine)} ${route}`);
  }
}

/** Removes the namespaces of these machines; what is gone already is no error. */
export function removeNetwork(machines: readonly string[]): void {
  for (const machine of machines) {
    if (existsSync(namespaceFile(machine))) ip(`netns del ${namespaceOf(machine)}`);
  }
}

function ip(command: string): void {
  execFileSync('ip', command.split(' '), { stdio: ['ignore', 'ignore', 'pipe'] });
}
