import { Command, Option } from 'commander';
import { type UninjectOptions, uninjectManifest } from '../lib/inject/index.ts';
import { editDocuments, readDocuments } from './manifests/manifest-stream.ts';
import type { Terminal } from './terminal.ts';

/** `tulle uninject`: takes sidecars and settings out of manifests again. */
export function uninjectCommand(terminal: Terminal): Command {
  return new Command('uninject')
    .argument('<file>', 'file of manifests, or - for standard input')
    .addOption(
      new Option('--compat <mesh>', 'take out the annotations of another mesh too').choices(['linkerd', 'none']),
    )
    .action(async (file: string, options: UninjectOptions) => {
      const manifests = await readDocuments(file, terminal);
      editDocuments(manifests, (object) => uninjectManifest(object, options), terminal);
    });
}
