import { Command } from 'commander';
import { parseAllDocuments } from 'yaml';
import type { ApiError } from '../control-plane/kubernetes/api.ts';
import type { Manifest } from '../lib/inject/index.ts';
import { type ClusterOptions, withCluster } from './cluster/cluster.ts';
import { installedMesh } from './cluster/installed-mesh.ts';
import { clusterObjects, componentObjects, objectTitle } from './cluster/mesh-objects.ts';
import { refusalText } from './cluster/refusal.ts';
import { formatObjects } from './manifests/manifest-stream.ts';
import { CommandError, type Terminal } from './terminal.ts';
import { present, upgradedYaml } from './upgrade.ts';

/** `tulle prune`: objects of the installed mesh that this version has no use for. */
export function pruneCommand(terminal: Terminal): Command {
  return new Command('prune').action(async (_: unknown, command: Command) => {
    await withCluster(command.optsWithGlobals<ClusterOptions>(), terminal, async (cluster) => {
      const { client, meshNamespace, title } = cluster;
      const { stored } = present(await installedMesh(client, meshNamespace), meshNamespace, title);
      const wanted = new Set(parseAllDocuments(upgradedYaml(stored)).map((one) => objectTitle(one.toJS())));
      const refused: string[] = [];
      const onRefused = (error: ApiError): void => void refused.push(refusalText(error));
      const there: Manifest[] = [
        ...(await componentObjects(client, meshNamespace, onRefused)),
        ...(await clusterObjects(client, meshNamespace, onRefused)),
      ];
      const stale = there.filter((object) => !wanted.has(objectTitle(object)) && !keptKinds.has(object.kind ?? ''));
      if (stale.length > 0) terminal.out(formatObjects(stale));
      else if (refused.length === 0) terminal.err('nothing to prune\n');
      if (refused.length > 0) throw new CommandError(`more may be left behind: ${refused.join('\nerror: ')}`);
    });
  });
}

/** With a kind all objects of it would be lost; with the namespace, the keys of the mesh. */
const keptKinds: ReadonlySet<string> = new Set(['CustomResourceDefinition', 'Namespace']);
