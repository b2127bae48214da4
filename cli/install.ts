import { Command, Option } from 'commander';
import { Compat, type MeshProps } from '../lib/index.ts';
import { synthMeshYaml } from '../synth/mesh.ts';
import { CommandError, type Terminal } from './terminal.ts';

interface InstallOptions {
  ha?: boolean;
  meshNamespace?: string;
  trustDomain?: string;
  clusterDomain?: string;
  registry?: string;
  compat?: string;
  crds: boolean;
}

/** `tulle install`: the manifests of the mesh, the same that `cdk8s synth` writes. */
export function installCommand({ out }: Terminal): Command {
  return new Command('install')
    .description('print the manifests of the mesh, for `kubectl apply -f -`')
    .option('--ha', 'three of each component, spread over nodes, with disruption budgets')
    .option('--mesh-namespace <name>', 'namespace of the control plane (default: tulle)')
    .option('--trust-domain <domain>', 'end of every identity (default: cluster.local)')
    .option('--cluster-domain <domain>', 'DNS domain of the cluster (default: cluster.local)')
    .option('--registry <registry>', 'where images are pulled from')
    .addOption(new Option('--compat <mesh>', 'also obey the annotations of another mesh').choices(['linkerd']))
    .option('--no-crds', 'leave the CustomResourceDefinitions out')
    .addHelpText('after', '\nMore can be set where the mesh is written in TypeScript: new Mesh(chart, "mesh", { … }).')
    .action((options: InstallOptions) => {
      try {
        out(synthMeshYaml(meshProps(options)));
      } catch (error) {
        throw new CommandError((error as Error).message);
      }
    });
}

function meshProps({
  ha,
  meshNamespace,
  trustDomain,
  clusterDomain,
  registry,
  compat,
  crds,
}: InstallOptions): MeshProps {
  return {
    ...(ha ? { highAvailability: true } : {}),
    ...(meshNamespace === undefined ? {} : { namespace: meshNamespace }),
    ...(trustDomain === undefined ? {} : { trustDomain }),
    ...(clusterDomain === undefined ? {} : { clusterDomain }),
    ...(registry === undefined ? {} : { registry }),
    ...(compat === 'linkerd' ? { compat: Compat.linkerd() } : {}),
    ...(crds ? {} : { crds: false }),
  };
}
