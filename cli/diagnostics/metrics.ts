import { Command } from 'commander';
import type { Container, Pod } from '../../lib/kinds/pod.ts';
import { eachBounded } from '../cluster/objects.ts';
import { isRefused, refusalText } from '../cluster/refusal.ts';
import { adminPort, sidecarOf } from '../cluster/sidecar.ts';
import { parseWaitMs } from '../duration.ts';
import { parseResource, resourceArgument } from '../resource.ts';
import { CommandError, type Terminal } from '../terminal.ts';
import { type DiagnosedMesh, type MeshOptions, stateOption, withMesh } from './mesh.ts';
import { meshedPodsOf } from './pods.ts';

const concurrency = 16;
const maxBytes = 64 * 1024 * 1024;

interface Target {
  readonly pod: Pod;
  readonly container: string;
  readonly port: number;
}

type MetricsOptions = MeshOptions & { readonly wait: string };

const waitOption = ['-w, --wait <duration>', 'how long to wait for each', '30s'] as const;

/** `tulle diagnostics proxy-metrics`: what sidecars have counted, as they tell it. */
export function proxyMetricsCommand(terminal: Terminal): Command {
  return new Command('proxy-metrics')
    .description('print the metrics of the sidecars of a workload, in the Prometheus text format')
    .addArgument(resourceArgument('<resource>', 'workload, such as deploy/web or pod/web-1'))
    .option(...waitOption)
    .option(...stateOption)
    .action(async (resource: string, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<MetricsOptions>();
      const wanted = parseResource([resource]);
      await withMesh(options, terminal, async (mesh) => {
        const pods = await meshedPodsOf(mesh, wanted);
        await printMetrics(mesh, pods.flatMap(proxyTarget), options, terminal);
      });
    });
}

/** `tulle diagnostics controller-metrics`: what the components of the control plane have counted. */
export function controllerMetricsCommand(terminal: Terminal): Command {
  return new Command('controller-metrics')
    .alias('cp-metrics')
    .description('print the metrics of the control plane’s components and their sidecars')
    .option(...waitOption)
    .option(...stateOption)
    .action(async (_: unknown, command: Command) => {
      const options = command.optsWithGlobals<MetricsOptions>();
      await withMesh(options, terminal, async (mesh) => {
        const pods = await mesh.componentPods();
        const targets = pods.flatMap((pod) => [...componentTargets(pod), ...proxyTarget(pod)]);
        await printMetrics(mesh, targets, options, terminal);
      });
    });
}

function proxyTarget(pod: Pod): Target[] {
  const sidecar = sidecarOf(pod);
  return sidecar === undefined ? [] : [{ pod, container: sidecar.name, port: adminPort(sidecar) }];
}

/** Components name the port of their admin server. */
function componentTargets(pod: Pod): Target[] {
  return (pod.spec?.containers ?? []).flatMap(({ name, ports }: Container) => {
    const admin = ports?.find((port) => port.name === 'admin');
    return admin === undefined ? [] : [{ pod, container: name, port: admin.containerPort }];
  });
}

async function printMetrics(
  mesh: DiagnosedMesh,
  targets: readonly Target[],
  { wait }: MetricsOptions,
  { out }: Terminal,
): Promise<void> {
  const timeoutMs = parseWaitMs('--wait', wait);
  const failures = await eachBounded(targets, concurrency, async ({ pod, container, port }) => {
    const { namespace = '', name } = pod.metadata;
    const title = `pod ${namespace}/${name}, container ${container}`;
    try {
      const text = await readAll(mesh.metrics(pod, port, AbortSignal.timeout(timeoutMs)));
      // In one call, so that those of other pods do not come between.
      out(`#\n# ${title}\n#\n${text.endsWith('\n') ? text : `${text}\n`}`);
      return [];
    } catch (error) {
      return [`${title}: ${isRefused(error) ? refusalText(error) : (error as Error).message}`];
    }
  });
  if (failures.flat().length > 0) throw new CommandError(failures.flat().join('\nerror: '));
}

async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const read: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Error(`the answer has more than ${maxBytes} bytes`);
    read.push(chunk);
  }
  return Buffer.concat(read).toString('utf8');
}
