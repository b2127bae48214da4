import type { Log } from '../telemetry/log.ts';
import type { InitOptions } from './options.ts';
import { type Rule, redirectRules, removalRules } from './rules.ts';
import type { Command, RunCommand } from './run-command.ts';

/** One way to write rules: nf_tables, the legacy tables, or whatever `iptables` is on this system. */
export interface Backend {
  readonly firewall: string;
  readonly save: string;
}

/** How long iptables waits while another process writes. */
const lockWaitSeconds = 5;

/** The one asked for, and then those that may work where it does not: kernels have one of the two, or both. */
export function backends(options: InitOptions): Backend[] {
  const asked = { firewall: options.firewallProgram, save: options.saveProgram };
  const others = ['iptables-nft', 'iptables-legacy', 'iptables']
    .filter((program) => program !== asked.firewall)
    .map((program) => ({ firewall: program, save: `${program}-save` }));
  return [asked, ...others];
}

/** The commands for an empty nat table, IPv4 first: what `--simulate` prints. */
export function plannedCommands(options: InitOptions): Command[] {
  const [backend] = backends(options);
  return versions(options).flatMap((version) =>
    redirectRules(options, version, '').map((rule) => ruleCommand(options, backend, version, rule)),
  );
}

/**
 * Writes the rules with the first backend that takes all of them. What one has written before it failed is taken away
 * again. Rejects with the reasons of every backend when none does.
 */
export async function writeRules(options: InitOptions, run: RunCommand, log: Log): Promise<Backend> {
  const failures: string[] = [];
  for (const backend of backends(options)) {
    try {
      for (const version of versions(options)) await write(options, backend, version, run, log);
      if (failures.length > 0) log.warn(`the rules are written with ${backend.firewall} instead`);
      return backend;
    } catch (error) {
      failures.push((error as Error).message);
      log.warn(`${backend.firewall} does not work here`, { error: (error as Error).message });
      await takeAway(options, backend, run, log);
    }
  }
  const hint =
    'the container needs the capabilities NET_ADMIN and NET_RAW, and the kernel NAT and the owner match; without them, mesh the pod in explicit mode or by the CNI plugin';
  throw new Error(`no iptables works here: ${failures.join(' | ')}. ${hint}`);
}

async function write(options: InitOptions, backend: Backend, version: 4 | 6, run: RunCommand, log: Log): Promise<void> {
  const saved = await run(saveCommand(options, backend, version));
  for (const rule of redirectRules(options, version, saved)) {
    const command = ruleCommand(options, backend, version, rule);
    log.debug('running', { command: [command.program, ...command.args].join(' ') });
    await run(command);
  }
}

/** Best effort: the next backend is tried whatever comes of it, and what stays is told. */
async function takeAway(options: InitOptions, backend: Backend, run: RunCommand, log: Log): Promise<void> {
  for (const version of versions(options)) {
    try {
      const saved = await run(saveCommand(options, backend, version));
      for (const rule of removalRules(saved)) await run(ruleCommand(options, backend, version, rule));
    } catch (error) {
      log.debug('nothing was taken away', { error: (error as Error).message });
    }
  }
}

const versions = ({ ipv6 }: InitOptions): (4 | 6)[] => (ipv6 ? [4, 6] : [4]);

const ruleCommand = (options: InitOptions, { firewall }: Backend, version: 4 | 6, rule: Rule): Command =>
  within(options, { program: forVersion(firewall, version), args: ['-w', `${lockWaitSeconds}`, ...rule] });

const saveCommand = (options: InitOptions, { save }: Backend, version: 4 | 6): Command =>
  within(options, { program: forVersion(save, version), args: ['-t', 'nat'] });

/** `iptables-nft` is `ip6tables-nft` for IPv6, in the same folder. */
const forVersion = (program: string, version: 4 | 6): string =>
  version === 4 ? program : program.replace(/(^|\/)iptables(?=[^/]*$)/, '$1ip6tables');

const within = ({ netns }: InitOptions, command: Command): Command =>
  netns === undefined
    ? command
    : { program: 'nsenter', args: [`--net=${netns}`, '--', command.program, ...command.args] };
