import { Command, Option } from 'commander';
import { settingKey } from '../lib/contract/annotations.ts';
import { meshConfigMap } from '../lib/contract/names.ts';
import { applyAnnotations, settings } from '../lib/inject/annotations.ts';
import {
  annotateManifest,
  type InjectConfig,
  type InjectMode,
  type InjectProblem,
  injectConfig,
  injectManifest,
  type Manifest,
  type Metadata,
  neighboursOf,
} from '../lib/inject/index.ts';
import { isRecord } from '../lib/inject/kubernetes.ts';
import { installedConfig } from '../local/mesh-config.ts';
import { formatProblem, type LocalProblem } from '../local/problem.ts';
import type { Cluster } from './cluster/cluster.ts';
import { type ClusterOptions, clusterPlace } from './cluster/place.ts';
import { offeringNames } from './completion/offers.ts';
import { editDocuments, objectsOf, readDocuments, readObjects } from './manifests/manifest-stream.ts';
import { CommandError, type Terminal, UsageError } from './terminal.ts';

interface InjectOptions extends ClusterOptions {
  kustomize?: string;
  ignoreCluster?: boolean;
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
    .argument('[path...]', 'files or folders of manifests, URLs of some, or - for standard input')
    .option('-k, --kustomize <folder>', 'what Kustomize makes of a folder, by kubectl')
    .addOption(
      new Option('--manual', 'write the sidecar itself into the pods, instead of asking the webhook for it').conflicts(
        'disable',
      ),
    )
    .addOption(
      new Option('--explicit', 'write it without interception: no privilege, applications use http_proxy').conflicts([
        'ingress',
        'disable',
      ]),
    )
    .addOption(new Option('--ingress', 'the proxy routes by the Host of requests').conflicts('disable'))
    .option('--disable', 'ask for no sidecar, even when the namespace does')
    .option('--mesh <path>', 'manifests of your install (file or folder), when it has other settings than the defaults')
    .addOption(
      offeringNames(
        new Option(
          '--set <name=value>',
          'a setting for the pods, as in config.tulle.dev/<name>; may be repeated',
        ).argParser(setting),
        Object.fromEntries(settings.map(({ name }) => [name, []])),
      ),
    )
    .option('--ignore-cluster', 'do not look in the cluster for the settings of its mesh')
    .addHelpText('after', '\nExample:\n  tulle inject manifests/ https://example.org/app.yaml | kubectl apply -f -\n')
    .action(async (paths: string[], _: unknown, command: Command) => {
      const options = command.optsWithGlobals<InjectOptions>();
      const manifests = await readDocuments({ paths, kustomize: options.kustomize }, terminal);
      const objects = objectsOf(manifests);
      const writes = options.manual || options.explicit;
      const config = await meshConfig(options, terminal, writes);
      const request = requestOf(options);
      const alone = { namespaces: namespacesOf(objects), request, annotations: options.set };
      const context = { ...alone, neighbours: neighboursOf(objects, config, alone) };
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
    throw new UsageError(`--set (${text}) must be a setting and its value, such as opaque-ports=5432`);
  }
  const annotations = { [settingKey(name)]: value.join('=') };
  const problems: InjectProblem[] = [];
  applyAnnotations(injectConfig().defaults, { annotations }, { object: '', field: '', level: 'workload' }, problems);
  if (problems.length > 0) throw new UsageError(`--set ${name}: ${problems.map(({ message }) => message).join('; ')}`);
  return { ...before, ...annotations };
}

/** Of the manifests that were given; else of the mesh in the cluster, when its settings come to stand in pods. */
async function meshConfig(options: InjectOptions, terminal: Terminal, writes = false): Promise<InjectConfig> {
  const { mesh, meshNamespace } = options;
  const defaults = injectConfig(meshNamespace === undefined ? {} : { meshNamespace });
  if (mesh === undefined) {
    if (!writes || options.ignoreCluster) return defaults;
    return (await configOfCluster(options, terminal)) ?? defaults;
  }
  const problems: LocalProblem[] = [];
  const objects = await readObjects([mesh], terminal);
  if (!objects.some(({ kind, metadata }) => kind === 'ConfigMap' && metadata?.name === meshConfigMap)) {
    throw new UsageError(`--mesh (${mesh}) has no ConfigMap ${meshConfigMap}: give what 'tulle install' printed`);
  }
  const config = installedConfig(objects, problems);
  if (problems.length > 0) throw new CommandError(problems.map(formatProblem).join('; '));
  return config;
}

/** Manifests need no cluster, so one that does not answer is not waited for long. */
const lookTimeoutMs = 5000;

/** A cluster that was named must answer; the usual one need not be there. Undefined when nothing is installed. */
async function configOfCluster(options: InjectOptions, terminal: Terminal): Promise<InjectConfig | undefined> {
  if (clusterPlace(options, terminal) === undefined) return undefined;
  const named = options.kubeconfig !== undefined || options.context !== undefined;
  const { withCluster } = await import('./cluster/cluster.ts');
  const { installedMesh } = await import('./cluster/installed-mesh.ts');
  try {
    const look = async ({ client, meshNamespace }: Cluster) => (await installedMesh(client, meshNamespace))?.config;
    const config = await withCluster(options, terminal, look, { timeoutMs: lookTimeoutMs });
    return config && injectConfig(config);
  } catch (error) {
    if (!(error instanceof CommandError) || named) throw error;
    const remedy = '--mesh names the manifests of yours, --ignore-cluster says that you know';
    terminal.err(`warning: the settings of a mesh with its defaults are written: ${error.message}. ${remedy}\n`);
    return undefined;
  }
}

/** Namespaces among the objects: their annotations are inherited. */
function namespacesOf(objects: readonly Manifest[]): Map<string, Metadata> {
  const all = objects.flatMap((object) => [
    object,
    ...(Array.isArray(object.items) ? object.items.filter(isRecord) : []),
  ]);
  return new Map(
    all
      .filter((object: Manifest) => object.kind === 'Namespace' && isRecord(object.metadata))
      .map(({ metadata }: Manifest): [string, Metadata] => [String(metadata!.name), metadata!]),
  );
}
