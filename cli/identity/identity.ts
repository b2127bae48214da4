import { Command } from 'commander';
import { identityName } from '../../lib/contract/names.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import { eachBounded } from '../cluster/objects.ts';
import { adminPort, meshOf, sidecarOf } from '../cluster/sidecar.ts';
import { type DiagnosedMesh, type MeshOptions, stateOption, withMesh } from '../diagnostics/mesh.ts';
import { parseWaitMs } from '../duration.ts';
import { type Format, formatOption, forPrograms } from '../formats.ts';
import { parseResource, type Resource, resourceArgument } from '../resource.ts';
import { formatTable, printable } from '../table.ts';
import { CommandError, type Terminal, UsageError } from '../terminal.ts';
import { certificateText, isOf, readCertificate, type ShownCertificate } from './certificate-text.ts';
import { certificateShownAt } from './shown-certificate.ts';

interface IdentityOptions extends MeshOptions {
  readonly allNamespaces?: boolean;
  readonly selector?: string;
  readonly wait: string;
  readonly output: Format;
}

const concurrency = 16;
const maxProblemsShown = 20;

/** `tulle identity`: the certificate that each sidecar shows. */
export function identityCommand(terminal: Terminal): Command {
  return new Command('identity')
    .addArgument(
      resourceArgument('[resource...]', 'pods: web-7d9-x4k, pod/web-7d9-x4k, or those of a workload: deploy/web'),
    )
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('-l, --selector <labels>', 'of pods with these labels')
    .option('-w, --wait <duration>', 'how long to wait for each', '10s')
    .option(...stateOption)
    .addOption(formatOption('text', 'table', 'json', 'yaml'))
    .addHelpText('after', '\nExample:\n  tulle identity -n shop -l app=web -o table\n')
    .action(async (named: string[], _: unknown, command: Command) => {
      const options = command.optsWithGlobals<IdentityOptions>();
      const timeoutMs = parseWaitMs('--wait', options.wait);
      const resource = asked(named, options);
      await withMesh(options, terminal, async (mesh) => {
        const pods = await podsOf(mesh, resource, options);
        const identities = await identitiesOf(pods, mesh);
        const problems: string[] = [];
        const found = await eachBounded(pods, concurrency, async (pod) => {
          try {
            return [await shownBy(mesh, identities(pod), pod, timeoutMs)];
          } catch (error) {
            problems.push(`${pod.metadata.namespace}/${pod.metadata.name}: ${(error as Error).message}`);
            return [];
          }
        });
        const shown = found.flat();
        terminal.out(text(shown, options.output));
        const wrong = shown.filter((one) => !isOf(one));
        problems.push(...wrong.map(({ namespace, pod }) => `${namespace}/${pod} shows the certificate of another`));
        if (problems.length > 0) throw new CommandError(told(problems));
      });
    });
}

/** A name alone is that of a pod, as for Linkerd. */
function asked(named: readonly string[], { selector }: IdentityOptions): Resource {
  if (named.length > 0 && selector !== undefined) {
    throw new UsageError(`--selector (${selector}) and ${named.join(' ')}: give one of them`);
  }
  if (named.length === 0) return { kind: 'pod', name: undefined };
  return named.length === 1 && !named[0].includes('/') ? { kind: 'pod', name: named[0] } : parseResource(named);
}

async function podsOf(mesh: DiagnosedMesh, resource: Resource, options: IdentityOptions): Promise<Pod[]> {
  const { allNamespaces, selector } = options;
  const namespace = allNamespaces || resource.kind === 'namespace' ? undefined : mesh.namespace;
  const workloads = await mesh.directory.workloads({ ...resource, namespace, selector });
  const pods = workloads.flatMap((workload) => workload.pods).filter((pod) => sidecarOf(pod) !== undefined);
  if (pods.length > 0) return pods;
  const title = [resource.kind, resource.name].filter(Boolean).join('/');
  const place = namespace === undefined ? '' : ` in namespace ${namespace} (-n names another, -A all)`;
  throw new CommandError(`no ${title} with a sidecar${place}`);
}

/** Which name the sidecar of a pod is to show: of the mesh that it says it is of, else of the one that is installed. */
async function identitiesOf(pods: readonly Pod[], mesh: DiagnosedMesh): Promise<(pod: Pod) => string> {
  const own = (pod: Pod) => meshOf(sidecarOf(pod) ?? { name: '' });
  const config = pods.every(own) ? undefined : await mesh.injectConfig();
  return (pod) => {
    const known = own(pod) ?? config;
    if (known === undefined) throw new Error('the trust domain of its mesh is not known');
    return identityName(pod.spec?.serviceAccountName ?? 'default', pod.metadata.namespace ?? '', known);
  };
}

async function shownBy(mesh: DiagnosedMesh, identity: string, pod: Pod, timeoutMs: number): Promise<ShownCertificate> {
  const { namespace = '', name } = pod.metadata;
  const sidecar = sidecarOf(pod);
  if (sidecar === undefined) throw new Error('has no sidecar');
  const way = await mesh.wayToPod(pod, adminPort(sidecar));
  try {
    const der = await certificateShownAt({ ...way, identity }, timeoutMs);
    return readCertificate(der, { namespace, pod: name, identity }, Date.now());
  } catch (error) {
    throw new Error(way.problem() ?? (error as Error).message);
  } finally {
    way.close();
  }
}

function text(shown: readonly ShownCertificate[], format: Format): string {
  if (format === 'text') return shown.map((one) => `${printableLines(certificateText(one))}\n`).join('');
  return forPrograms(shown, format) ?? table(shown);
}

const printableLines = (lines: string): string => lines.split('\n').map(printable).join('\n');

function table(shown: readonly ShownCertificate[]): string {
  const header = ['NAMESPACE', 'POD', 'IDENTITY', 'ISSUER', 'NOT AFTER'];
  return formatTable(
    header,
    shown.map(({ namespace, pod, names, issuer, notAfter }) => [namespace, pod, names.join(', '), issuer, notAfter]),
    header.length,
  );
}

function told(problems: readonly string[]): string {
  const shown = problems.slice(0, maxProblemsShown).map(printable);
  const more = problems.length - shown.length;
  return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join('\nerror: ');
}
