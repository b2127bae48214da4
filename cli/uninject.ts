import { Command, Option } from 'commander';
import { type UninjectOptions, uninjectManifest } from '../lib/inject/index.ts';
import { editDocuments, readDocuments } from './manifests/manifest-stream.ts';
import type { Terminal } from './terminal.ts';

/** `tulle uninject`: takes sidecars and settings out of manifests again. */
export function uninjectCommand(terminal: Terminal): Command {
  return new Command('uninject')
    .argument('[path...]', 'files or folders of manifests, URLs of some, or - for standard input')
    .option('-k, --kustomize <folder>', 'what Kustomize makes of a folder, by kubectl')
    .addOption(
      new Option('--compat <mesh>', 'take out the annotations of another mesh too').choices(['linkerd', 'none']),
    )
    .action(async (paths: string[], options: UninjectOptions & { readonly kustomize?: string }) => {
      const manifests = await readDocuments({ paths, kustomize: options.kustomize }, terminal);
      editDocuments(manifests, (object) => uninjectManifest(object, options), terminal);
    });
}
