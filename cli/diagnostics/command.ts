import { Command } from 'commander';
import type { Terminal } from '../terminal.ts';
import { endpointsCommand } from './endpoints.ts';
import { controllerMetricsCommand, proxyMetricsCommand } from './metrics.ts';
import { policyCommand } from './policy.ts';
import { profileCommand } from './profile.ts';

/** `tulle diagnostics`: what the control plane tells proxies, and what both have counted. */
export function diagnosticsCommand(terminal: Terminal): Command {
  const group = new Command('diagnostics');
  const commands = [endpointsCommand, profileCommand, policyCommand, proxyMetricsCommand, controllerMetricsCommand];
  for (const command of commands) group.addCommand(command(terminal));
  return group;
}
