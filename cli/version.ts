import { Command } from 'commander';
import { meshVersion } from '../lib/inject/index.ts';
import type { Terminal } from './terminal.ts';

/** `tulle version`: which version this is, and so which images it installs. */
export function versionCommand({ out }: Terminal): Command {
  return new Command('version')
    .description('print the version of this command line')
    .option('--short', 'the number alone')
    .action(({ short }: { short?: boolean }) => {
      out(short ? `${meshVersion}\n` : `Client version: ${meshVersion}\n`);
    });
}
