import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** The networks of the cluster. They exist in network namespaces only, from which no link leads out. */
export const addresses = {
  controlPlane: '172.30.0.1',
  pods: '10.244.0.0/16',
  services: '10.96.0.0/16',
  kubernetesService: '10.96.0.1',
  dns: '10.96.0.10',
} as const;

export const controlPlaneMachine = 'cp';
export const nodeName = (number: number): string => `node${number}`;
export const nodeAddress = (number: number): string => `172.30.0.${10 + number}`;
export const podNetwork = (number: number): string => `10.244.${number}.0/24`;

export const namespaceOf = (machine: string): string => `tulle-${machine}`;
export const namespaceFile = (machine: string): string => `/run/netns/${namespaceOf(machine)}`;

/** Makes a network namespace for each machine, and in that of the control plane the bridge that all are plugged into. */
export function makeNetwork(nodes: number): void {
  const numbers = Array.from({ length: nodes }, (_, index) => index + 1);
  for (const machine of [controlPlaneMachine, ...numbers.map(nodeName)]) {
    ip(`netns add ${namespaceOf(machine)}`);
    ip(`-n ${namespaceOf(machine)} link set lo up`);
  }
  const hub = `-n ${namespaceOf(controlPlaneMachine)}`;
  ip(`${hub} link add machines type bridge`);
  ip(`${hub} addr add ${addresses.controlPlane}/24 dev machines`);
  ip(`${hub} link set machines up`);
  for (const number of numbers) {
    const node = nodeName(number);
    const inNode = `-n ${namespaceOf(node)}`;
    ip(`${hub} link add ${node} type veth peer name eth0 netns ${namespaceOf(node)}`);
    ip(`${hub} link set ${node} master machines up`);
    ip(`${inNode} addr add ${nodeAddress(number)}/24 dev eth0`);
    ip(`${inNode} link set eth0 up`);
    ip(`${hub} route add ${podNetwork(number)} via ${nodeAddress(number)}`);
    for (const other of numbers.filter((candidate) => candidate !== number)) {
      ip(`${inNode} route add ${podNetwork(other)} via ${nodeAddress(other)}`);
    }
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
