import { Command, Option } from 'commander';
import { settingKey } from '../lib/contract/annotations.ts';
import { meshConfigMap } from '../lib/contract/names.ts';
import {
  annotateManifest,
  type InjectConfig,
  type InjectMode,
  injectConfig,
  injectManifest,
  type Manifest,
  type Metadata,
  neighboursOf,
} from '../lib/inject/index.ts';
import { installedConfig } from '../local/mesh-config.ts';
import { formatProblem, type LocalProblem } from '../local/problem.ts';
import { editDocuments, objectsOf, readDocuments, readObjects } from './manifests/manifest-stream.ts';
import { CommandError, type Terminal } from './terminal.ts';

interface InjectOptions {
  manual?: boolean;
  explicit?: boolean;
  ingress?: boolean;
  disable?: boolean;
  mesh?: string;
  set?: Record<string, string>;
}

/** `tulle inject`: meshes the workloads of manifests. */
export function injectCommand(terminal: Terminal): Command {
  return new Command('inject')
    .description('mesh the workloads of manifests: prints them, and on standard error what was done')
    .argument('<file>', 'file of manifests, or - for standard input')
    .option('--manual', 'write the sidecar itself into the pods, instead of asking the webhook for it')
    .addOption(
      new Option('--explicit', 'write it without interception: no privilege, applications use http_proxy').conflicts([
        'ingress',
        'disable',
      ]),
    )
    .addOption(new Option('--ingress', 'the proxy routes by the Host of requests').conflicts('disable'))
    .option('--disable', 'ask for no sidecar, even when the namespace does')
    .option('--mesh <path>', 'manifests of your install (file or folder), when it has other settings than the defaults')
    .option('--set <name=value>', 'a setting for the pods, as in config.tulle.dev/<name>; may be repeated', setting)
    .action(async (file: string, options: InjectOptions) => {
      const manifests = await readDocuments(file, terminal);
      const objects = objectsOf(manifests);
      const config = await meshConfig(options.mesh, terminal);
      const request = requestOf(options);
      const alone = { namespaces: namespacesOf(objects), request, annotations: options.set };
      const context = { ...alone, neighbours: neighboursOf(objects, config, alone) };
      const writes = options.manual || options.explicit;
      editDocuments(
        manifests,
        (object) => (writes ? injectManifest(object, config, context) : annotateManifest(object, config, context)),
        terminal,
      );
    });
}

function requestOf({ explicit, ingress, disable }: InjectOptions): InjectMode | 'disabled' {
  if (explicit) return 'explicit';
  if (ingress) return 'ingress';
  return disable ? 'disabled' : 'enabled';
}

function setting(text: string, before?: Record<string, string>): Record<string, string> {
  const [name, ...value] = text.split('=');
  if (!/^[a-z0-9-]+$/.test(name) || value.length === 0) {
    throw new CommandError(`--set (${text}) must be a setting and its value, such as opaque-ports=5432`);
  }
  return { ...before, [settingKey(name)]: value.join('=') };
}

async function meshConfig(path: string | undefined, terminal: Terminal): Promise<InjectConfig> {
  if (path === undefined) return injectConfig();
  const problems: LocalProblem[] = [];
  const objects = await readObjects(path, terminal);
  if (!objects.some(({ kind, metadata }) => kind === 'ConfigMap' && metadata?.name === meshConfigMap)) {
    throw new CommandError(`--mesh (${path}) has no ConfigMap ${meshConfigMap}: give what 'tulle install' printed`);
  }
  const config = installedConfig(objects, problems);
  if (problems.length > 0) throw new CommandError(problems.map(formatProblem).join('; '));
  return config;
}

/** Namespaces among the objects: their annotations are inherited. */
function namespacesOf(objects: readonly Manifest[]): Map<string, Metadata> {
  const all = objects.flatMap((object): Manifest[] => [object, ...(object.items ?? [])]);
  return new Map(
    all.filter(({ kind }) => kind === 'Namespace').map(({ metadata }) => [metadata?.name ?? '', metadata ?? {}]),
  );
}
