import { Command } from 'commander';
import type { MeshProps } from '../lib/mesh/mesh-props.ts';
import { type StoredInstall, upgradeInstall } from '../lib/mesh/stored-install.ts';
import { synthMeshYaml } from '../synth/mesh.ts';
import { type ClusterOptions, withCluster } from './cluster/cluster.ts';
import { type InstalledMesh, installedMesh } from './cluster/installed-mesh.ts';
import { addMeshOptions, type MeshOptions, meshProps } from './mesh-options.ts';
import { CommandError, type Terminal } from './terminal.ts';

/** `tulle upgrade`: the manifests of this version with the settings of the mesh that is installed. */
export function upgradeCommand(terminal: Terminal): Command {
  return addMeshOptions(new Command('upgrade')).action(async (_: unknown, command: Command) => {
    const options = command.optsWithGlobals<MeshOptions & ClusterOptions>();
    const { stored, config } = await withCluster(options, terminal, async ({ client, meshNamespace, title }) =>
      present(await installedMesh(client, meshNamespace), meshNamespace, title),
    );
    if (options.trustDomain !== undefined && options.trustDomain !== config.trustDomain) {
      terminal.err(
        `warning: another trust domain renames every identity: pods know the new one after they are restarted\n`,
      );
    }
    terminal.out(upgradedYaml(stored, meshProps(options, terminal.cwd)));
  });
}

/** Throws a CommandError when nothing is installed. */
export function present(found: InstalledMesh | undefined, meshNamespace: string, title: string): InstalledMesh {
  if (found !== undefined) return found;
  throw new CommandError(
    `${title}: no mesh is installed in namespace ${meshNamespace}: 'tulle install' does that; -L names another namespace`,
  );
}

export function upgradedYaml(stored: StoredInstall, props: MeshProps = {}): string {
  try {
    return synthMeshYaml({ _install: upgradeInstall(stored, props) });
  } catch (error) {
    throw new CommandError((error as Error).message);
  }
}
