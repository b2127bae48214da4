import { Command } from 'commander';
import { meshVersion } from '../lib/contract/version.ts';
import { type ClusterOptions, clusterPlace } from './cluster/place.ts';
import type { Terminal } from './terminal.ts';

interface VersionOptions extends ClusterOptions {
  readonly short?: boolean;
  readonly client?: boolean;
  readonly proxy?: boolean;
}

/** `tulle version`: which version this is, and which one the cluster runs. */
export function versionCommand(terminal: Terminal): Command {
  const { out, err } = terminal;
  return new Command('version')
    .option('--short', 'the numbers alone')
    .option('--client', 'of this command line alone')
    .option('--proxy', 'of the sidecars too, of the namespace of -n or of all')
    .action(async (_: unknown, command: Command) => {
      const options = command.optsWithGlobals<VersionOptions>();
      const line = (title: string, version: string): void =>
        out(options.short ? `${version}\n` : `${title}: ${version}\n`);
      line('Client version', meshVersion);
      if (options.client || clusterPlace(options, terminal) === undefined) return;
      // Loaded here: without a cluster this command has next to nothing to do.
      const { clusterVersions } = await import('./cluster/versions.ts');
      const { server, proxies, problems } = await clusterVersions(options, terminal);
      line('Server version', server ?? 'unavailable');
      if (options.proxy && (server !== undefined || proxies !== undefined)) {
        line('Proxy versions', proxies ?? 'unavailable');
      }
      for (const problem of problems) err(`warning: ${problem}\n`);
    });
}
