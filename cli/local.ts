import { resolve } from 'node:path';
import { Command } from 'commander';
import { LocalMesh } from '../local/local-mesh.ts';
import { defaultStateFolder } from '../local/state-folder.ts';
import { requireCheckout } from './checkout.ts';
import { manifestFolder } from './manifests/folder.ts';
import { CommandError, type Terminal } from './terminal.ts';

const readyTimeoutMs = 60_000;

/** `tulle local`: runs the workloads of synthesized manifests on this machine until it is stopped. */
export function localCommand({ out, err, cwd, environment, onStop }: Terminal): Command {
  return new Command('local')
    .argument('<folder>', 'folder of manifests, such as dist')
    .option('--state <folder>', 'where logs and addresses are kept', defaultStateFolder)
    .addHelpText(
      'after',
      '\nEach pod gets an address in 127.77.0.0/16. Commands run in the current folder. Workloads are read at start;' +
        '\nedited Services take effect within a second.',
    )
    .action(async (folder: string, { state }: { state: string }) => {
      requireCheckout('local');
      const manifests = manifestFolder(cwd, folder);
      const stopped = new Promise<void>(onStop);
      let mesh: LocalMesh;
      try {
        mesh = await LocalMesh.start({
          manifests,
          stateFolder: resolve(cwd, state),
          cwd,
          environment,
          report: (line) => err(`${line}\n`),
        });
      } catch (error) {
        throw new CommandError((error as Error).message);
      }
      const ready = await Promise.race([mesh.ready(readyTimeoutMs), stopped]);
      if (ready) out(`all pods are ready; logs are in ${mesh.logs}. Ctrl-C stops them\n`);
      else if (ready === false) err(`warning: some pods are not ready; logs are in ${mesh.logs}\n`);
      await stopped;
      await mesh.stop();
    });
}
