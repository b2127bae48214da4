import { Command } from 'commander';
import { ApiError } from '../control-plane/kubernetes/api.ts';
import type { Node } from '../lib/kinds/node.ts';
import type { MeshProps } from '../lib/mesh/mesh-props.ts';
import { synthMeshYaml } from '../synth/mesh.ts';
import { dualStackProblem } from './check/dual-stack.ts';
import { type Cluster, type ClusterOptions, clusterPlace, connectCluster, explain } from './cluster/cluster.ts';
import { installedMesh } from './cluster/installed-mesh.ts';
import { listAll } from './cluster/objects.ts';
import { isRefused, refusalText } from './cluster/refusal.ts';
import { addMeshOptions, type MeshOptions, meshProps } from './mesh-options.ts';
import { CommandError, type Terminal, UsageError } from './terminal.ts';

/** Manifests need no cluster, so one that does not answer is not waited for long. */
const lookTimeoutMs = 5000;

/** `tulle install`: the manifests of the mesh, the same that `cdk8s synth` writes. */
export function installCommand(terminal: Terminal): Command {
  return addMeshOptions(new Command('install'))
    .option('--ignore-cluster', 'do not look whether the mesh is installed already')
    .action(async (_: unknown, command: Command) => {
      const options = command.optsWithGlobals<MeshOptions & ClusterOptions & { ignoreCluster?: boolean }>();
      const props = meshProps(options, terminal.cwd);
      const yaml = printable(props);
      if (!options.ignoreCluster)
        await refuseSecondInstall({ ...options, meshNamespace: props.namespace }, props, terminal);
      terminal.out(yaml);
    });
}

function printable(props: MeshProps): string {
  try {
    return synthMeshYaml(props);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** Since 1.30. `kubectl apply` takes all the rest of the manifests, and ends with an error for these. */
const guardsMinor = 30;

async function warnOfNoGuards({ client }: Cluster, terminal: Terminal): Promise<void> {
  const version = await client
    .get<{ major: string; minor: string; gitVersion: string }>('/version')
    .catch((error: unknown) => {
      if (error instanceof ApiError) return undefined;
      throw error;
    });
  if (version === undefined || Number(version.major) !== 1 || Number.parseInt(version.minor, 10) >= guardsMinor) return;
  terminal.err(
    `warning: the cluster is ${version.gitVersion} and has no ValidatingAdmissionPolicies: ` +
      'install with --no-permission-guards\n',
  );
}

/** Who installs may not be allowed to see the nodes: then nothing is known, which is told. */
async function warnOfIpv6({ client }: Cluster, terminal: Terminal): Promise<void> {
  try {
    const problem = dualStackProblem(await listAll<Node>(client, '/api/v1/nodes'));
    if (problem !== undefined) terminal.err(`warning: ${problem}\n`);
  } catch (error) {
    if (isRefused(error))
      terminal.err(`warning: whether pods have IPv6 addresses is not known: ${refusalText(error)}\n`);
    else if (!(error instanceof ApiError)) throw error;
  }
}

/** A cluster that was named must answer; the usual one need not be there. */
async function refuseSecondInstall(options: ClusterOptions, props: MeshProps, terminal: Terminal): Promise<void> {
  if (clusterPlace(options, terminal) === undefined) return;
  const named = options.kubeconfig !== undefined || options.context !== undefined;
  try {
    const cluster = await connectCluster(options, terminal, { timeoutMs: lookTimeoutMs });
    try {
      if ((await installedMesh(cluster.client, cluster.meshNamespace)) === undefined) {
        if (props.permissionGuards !== false) await warnOfNoGuards(cluster, terminal);
        if (!props.ipv6) await warnOfIpv6(cluster, terminal);
        return;
      }
    } catch (error) {
      throw error instanceof ApiError ? new CommandError(explain(error, cluster)) : error;
    } finally {
      cluster.client.close();
    }
  } catch (error) {
    if (!(error instanceof CommandError) || named) throw error;
    terminal.err(`warning: not looked whether a mesh is installed: ${error.message}\n`);
    return;
  }
  throw new CommandError(
    `the mesh is installed in namespace ${options.meshNamespace ?? 'tulle'} already: ` +
      `'tulle upgrade' changes it, --ignore-cluster prints the manifests all the same`,
  );
}
