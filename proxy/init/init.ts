import { existsSync, writeFileSync } from 'node:fs';
import { Log } from '../telemetry/log.ts';
import { plannedCommands, writeRules } from './firewall.ts';
import { readInitOptions } from './options.ts';
import { runCommand, shown } from './run-command.ts';

const closeWaitFile = '/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close_wait';

/**
 * `tulle-proxy init`: leads the pod's TCP connections to its proxy by iptables, once, before the pod starts. Returns
 * the exit code: 0 when everything is written, 64 for flags that cannot be read, 1 for the rest.
 *
 * A user other than root gets its capabilities from the files that it runs, for Kubernetes gives it none of its own: in
 * the image `cap_net_admin,cap_net_raw+p` on this program and `+ep` on the iptables programs.
 */
export async function init(args: readonly string[], write: (line: string) => void): Promise<number> {
  const { options: asked, problems } = readInitOptions(args);
  const log = new Log(asked.logLevel, asked.logFormat, write, () => new Date());
  for (const problem of problems) log.error('invalid flag', { problem });
  if (problems.length > 0) return 64;

  const kernelHasIpv6 = existsSync('/proc/net/if_inet6');
  if (asked.ipv6 && !kernelHasIpv6) log.info('the kernel has no IPv6: only IPv4 is redirected');
  const options = { ...asked, ipv6: asked.ipv6 && kernelHasIpv6 };
  const { closeWaitTimeoutSeconds } = options;

  if (options.simulate) {
    if (closeWaitTimeoutSeconds !== undefined) write(`echo ${closeWaitTimeoutSeconds} > ${closeWaitFile}\n`);
    for (const command of plannedCommands(options)) write(`${shown(command)}\n`);
    return 0;
  }
  try {
    if (closeWaitTimeoutSeconds !== undefined) setCloseWaitTimeout(closeWaitTimeoutSeconds);
    const { firewall } = await writeRules(options, runCommand, log);
    log.info('TCP connections lead to the proxy', {
      inbound: options.inboundPort,
      outbound: options.outboundPort,
      ipv6: options.ipv6,
      firewall,
    });
    return 0;
  } catch (error) {
    log.error('the rules are not written', { error: (error as Error).message });
    return 1;
  }
}

function setCloseWaitTimeout(seconds: number): void {
  try {
    writeFileSync(closeWaitFile, `${seconds}`);
  } catch (error) {
    const hint = 'the container must be privileged and run as root to write it; or leave out --timeout-close-wait-secs';
    throw new Error(`cannot write ${seconds} to ${closeWaitFile} (${(error as Error).message}): ${hint}`);
  }
}
