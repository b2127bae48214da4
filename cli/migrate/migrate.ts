import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { parse } from 'yaml';
import { isNotFound, type KubernetesApi } from '../../control-plane/kubernetes/api.ts';
import { getIfThere } from '../../control-plane/kubernetes/shared-object.ts';
import type { Manifest } from '../../lib/inject/index.ts';
import { isRecord } from '../../lib/inject/kubernetes.ts';
import { type ClusterOptions, withCluster } from '../cluster/cluster.ts';
import { listAll } from '../cluster/objects.ts';
import { readObjects } from '../manifests/manifest-stream.ts';
import { printable } from '../table.ts';
import { CommandError, type Terminal, UsageError } from '../terminal.ts';
import { unread } from '../unread.ts';
import { type LinkerdInstall, mergeValues, readLinkerd, type Values } from './read-linkerd.ts';
import { stepsOf } from './steps.ts';
import { migrationOf } from './to-props.ts';
import { typescriptOf } from './write-typescript.ts';

interface MigrateOptions extends ClusterOptions {
  readonly values: readonly string[];
  readonly linkerdNamespace: string;
  readonly output: 'typescript' | 'steps' | 'json';
}

/** `tulle migrate`: an install of Linkerd, and what it meshes, as a cdk8s app; and the order of steps. */
export function migrateCommand(terminal: Terminal): Command {
  return new Command('migrate')
    .argument('[path...]', 'files or folders of manifests: workloads, namespaces, the ConfigMap linkerd-config')
    .option('-f, --values <file>', "a values file that Linkerd's Helm chart was given; may be repeated", repeated, [])
    .option('--linkerd-namespace <name>', 'where the control plane of Linkerd is', 'linkerd')
    .addOption(
      new Option('-o, --output <what>', 'the app, the order of steps, or what was not carried over')
        .choices(['typescript', 'steps', 'json'])
        .default('typescript'),
    )
    .addHelpText(
      'after',
      '\nWithout files it asks the cluster.\n\nExamples:\n  tulle migrate > main.ts\n  tulle migrate -f values.yaml manifests/ -o steps\n',
    )
    .action(async (paths: string[], _: unknown, command: Command) => {
      const options = command.optsWithGlobals<MigrateOptions>();
      const { values, linkerdNamespace, output } = options;
      if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(linkerdNamespace)) {
        throw new UsageError(`--linkerd-namespace (${linkerdNamespace}) must be the name of a namespace`);
      }
      const given = await helmValues(values, terminal);
      const asksCluster = paths.length === 0 && values.length === 0;
      const objects = asksCluster
        ? await clusterObjects(options, terminal)
        : paths.length === 0
          ? []
          : await readObjects(paths, terminal);
      const install = read(objects, given, linkerdNamespace);
      if (values.length === 0 && isEmpty(install)) {
        throw new UsageError(
          `nothing of Linkerd is in ${paths.join(', ')}: neither the ConfigMap linkerd-config nor a namespace or workload with annotations of linkerd.io; -f gives the values of its Helm chart`,
        );
      }
      const migration = migrationOf(install);
      for (const note of migration.notes) terminal.err(`warning: not carried over: ${printable(note)}\n`);
      if (output === 'steps') terminal.out(stepsOf(migration));
      else if (output === 'json') terminal.out(`${JSON.stringify({ notCarriedOver: migration.notes }, null, 2)}\n`);
      else terminal.out(typescriptOf(migration));
    });
}

const repeated = (value: string, before: readonly string[]): string[] => [...before, value];

function read(objects: readonly Manifest[], values: Values, namespace: string) {
  try {
    return readLinkerd(objects, values, namespace);
  } catch (error) {
    throw new CommandError((error as Error).message);
  }
}

const isEmpty = ({ values, namespaces, workloads, own }: LinkerdInstall): boolean =>
  Object.keys(values).length + namespaces.length + workloads.length + own.length === 0;

/** As Helm takes several: what a later one says holds. */
async function helmValues(files: readonly string[], { cwd }: Terminal): Promise<Values> {
  let all: Values = {};
  for (const file of files) {
    let value: unknown;
    try {
      value = parse(await readFile(resolve(cwd, file), 'utf8'));
    } catch (error) {
      throw unread(`--values (${file})`, error);
    }
    if (value !== null && !isRecord(value)) throw new CommandError(`--values (${file}) must be a map of values`);
    all = mergeValues(all, value ?? {});
  }
  return all;
}

/** What a cluster has of it; of kinds that this user may not list the first ends it, for what is missing would be silent. */
async function clusterObjects(options: MigrateOptions, terminal: Terminal): Promise<Manifest[]> {
  return withCluster(options, terminal, async ({ client, title }) => {
    const place = options.linkerdNamespace;
    const path = `/api/v1/namespaces/${place}/configmaps/linkerd-config`;
    const config = await getIfThere<Manifest>(client, path);
    if (config === undefined) {
      throw new CommandError(
        `${title}: no Linkerd is installed in namespace ${place}: --linkerd-namespace names another`,
      );
    }
    const kinds = [
      ['v1', 'Namespace', '/api/v1/namespaces'],
      ...['Deployment', 'StatefulSet', 'DaemonSet'].map((kind) => [
        'apps/v1',
        kind,
        `/apis/apps/v1/${kind.toLowerCase()}s`,
      ]),
      ['batch/v1', 'CronJob', '/apis/batch/v1/cronjobs'],
    ];
    const lists: Manifest[] = [{ ...config, apiVersion: 'v1', kind: 'ConfigMap' }];
    for (const [apiVersion, kind, collection] of kinds) {
      for (const object of await listed(client, collection)) lists.push({ ...object, apiVersion, kind });
    }
    return lists;
  });
}

async function listed(client: Pick<KubernetesApi, 'get'>, path: string): Promise<Manifest[]> {
  try {
    return (await listAll(client, path)) as unknown as Manifest[];
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}
