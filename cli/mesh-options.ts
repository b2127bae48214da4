import { Duration } from 'cdk8s';
import { type Command, Option } from 'commander';
import { subnetList } from '../lib/contract/cidr.ts';
import { type InboundPolicyName, inboundPolicies } from '../lib/contract/inbound-policies.ts';
import { portList } from '../lib/contract/port-list.ts';
import { Compat, type DataPlane, type MeshProps } from '../lib/index.ts';
import { offering, offeringNames } from './completion/offers.ts';
import { parseDurationMs } from './duration.ts';
import { UsageError } from './terminal.ts';
import { dataPlane, inboundPolicyFactories, meshForm, namedDataPlanes } from './values/mesh-forms.ts';
import { meshValues } from './values/mesh-values.ts';
import { pathsOf } from './values/value-forms.ts';

/** What `install` and `upgrade` can set. */
export interface MeshOptions {
  readonly values?: readonly string[];
  readonly set?: readonly string[];
  readonly ha?: boolean;
  readonly meshNamespace?: string;
  readonly trustDomain?: string;
  readonly clusterDomain?: string;
  readonly clusterNetworks?: string;
  readonly ipv6?: boolean;
  readonly registry?: string;
  readonly imageTag?: string;
  readonly imagePullSecret?: readonly string[];
  readonly defaultInboundPolicy?: InboundPolicyName;
  readonly opaquePorts?: string;
  readonly issuanceLifetime?: string;
  readonly clockSkewAllowance?: string;
  readonly priorityClass?: string;
  readonly networkPolicies?: boolean;
  readonly permissionGuards?: boolean;
  readonly compat?: 'linkerd' | 'none';
  readonly dataPlane?: string;
  readonly crds?: boolean;
  readonly proxyInjector?: boolean;
  readonly tap?: boolean;
}

export function addMeshOptions(command: Command): Command {
  return command
    .option('--ha', 'three of each component, spread over nodes, with disruption budgets')
    .option('--no-ha', 'one of each (default)')
    .option('--trust-domain <domain>', 'end of every identity (default: cluster.local)')
    .option('--cluster-domain <domain>', 'DNS domain of the cluster (default: cluster.local)')
    .option('--cluster-networks <cidrs>', 'networks of pods and Services, separated by commas (default: private ones)')
    .option('--ipv6', 'lead IPv6 to the proxies too: for clusters whose pods have IPv6 addresses')
    .option('--no-ipv6', 'IPv4 alone (default)')
    .option(
      '--registry <registry>',
      "where images are pulled from; '' for where the nodes look by themselves (default)",
    )
    .option('--image-tag <tag>', 'tag of the images (default: the version of this command line)')
    .option('--image-pull-secret <name>', 'Secret that images are pulled with; may be repeated', repeated)
    .addOption(
      new Option('--default-inbound-policy <policy>', 'who may call ports that no policy speaks of').choices(
        inboundPolicies,
      ),
    )
    .option('--opaque-ports <ports>', 'ports that are passed on as they are, separated by commas')
    .option('--issuance-lifetime <duration>', 'how long certificates of workloads hold (default: 24h)')
    .option('--clock-skew-allowance <duration>', 'how far clocks may differ (default: 20s)')
    .option('--priority-class <name>', "PriorityClass of the control plane; '' for none (default)")
    .option('--network-policies', "limit the connections of the control plane's pods")
    .option('--no-network-policies', 'do not limit them (default)')
    .option('--permission-guards', 'hold components to what roles cannot say (default)')
    .option('--no-permission-guards', 'do not: on Kubernetes 1.29, which has no ValidatingAdmissionPolicies')
    .addOption(new Option('--compat <mesh>', 'also obey the annotations of another mesh').choices(['linkerd', 'none']))
    .addOption(
      offering(
        new Option(
          '--data-plane <image>',
          "image of Linkerd's proxy that sidecars are; 'tulle' for the mesh's own (default)",
        ),
        Object.keys(namedDataPlanes),
      ),
    )
    .option('--crds', 'with the CustomResourceDefinitions (default)')
    .option('--no-crds', 'leave the CustomResourceDefinitions out')
    .option('--proxy-injector', 'with the admission webhook (default)')
    .option('--no-proxy-injector', 'leave the admission webhook out: every workload has its sidecar in its manifest')
    .option('--tap', "with the API by which 'tulle tap' shows requests as they pass")
    .option('--no-tap', 'without it (default)')
    .option('-f, --values <file>', 'properties of Mesh, as YAML or JSON; may be repeated', repeated)
    .addOption(
      offeringNames(
        new Option(
          '--set <property=value>',
          'one of them: proxy.logJson=true, opaquePorts=25,3306; may be repeated',
        ).argParser(repeated),
        pathsOf(meshForm),
      ),
    )
    .addHelpText(
      'after',
      '\nProperties are those of TypeScript: new Mesh(chart, "mesh", { … }). An option wins over --set, and that over --values.' +
        '\n\nExample:\n  tulle install --ha --set proxy.memoryLimit=128Mi --set components.destination.replicas=5\n',
    );
}

/**
 * What was given, and nothing else: the rest is the mesh's, or the installed one's. Throws a UsageError that names all
 * options with a wrong value. Files are named from `cwd`.
 */
export function meshProps(options: MeshOptions, cwd: string): MeshProps {
  const { values = [], set = [] } = options;
  return { ...meshValues({ files: values, set, cwd }), ...propsOfOptions(options) };
}

function propsOfOptions(options: MeshOptions): MeshProps {
  const { issuanceLifetime, clockSkewAllowance, defaultInboundPolicy } = options;
  const problems: string[] = [];
  /** All that is wrong is told at once. */
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      problems.push(error.message);
      return undefined;
    }
  };
  const props: MeshProps = dropUndefined({
    highAvailability: options.ha,
    namespace: options.meshNamespace,
    trustDomain: options.trustDomain,
    clusterDomain: options.clusterDomain,
    clusterNetworks: attempt(() => networks(options.clusterNetworks)),
    ipv6: options.ipv6,
    registry: options.registry,
    version: options.imageTag,
    imagePullSecrets: options.imagePullSecret ? [...options.imagePullSecret] : undefined,
    defaultInboundPolicy: defaultInboundPolicy && inboundPolicyFactories[defaultInboundPolicy](),
    opaquePorts: attempt(() => ports(options.opaquePorts)),
    issuanceLifetime: attempt(() => duration('--issuance-lifetime', issuanceLifetime)),
    clockSkewAllowance: attempt(() => duration('--clock-skew-allowance', clockSkewAllowance)),
    priorityClassName: options.priorityClass,
    networkPolicies: options.networkPolicies,
    permissionGuards: options.permissionGuards,
    compat: options.compat && (options.compat === 'linkerd' ? Compat.linkerd() : Compat.none()),
    dataPlane: attempt(() => readDataPlane(options.dataPlane)),
    crds: options.crds,
    proxyInjector: options.proxyInjector,
    tap: options.tap,
  });
  if (problems.length > 0) throw new UsageError(problems.join('\nerror: '));
  return props;
}

const readDataPlane = (text: string | undefined): DataPlane | undefined =>
  text === undefined
    ? undefined
    : dataPlane.read(text, '--data-plane', (option, _, expected) => {
        throw wrong(option, text, expected);
      });

function ports(text: string | undefined): number[] | undefined {
  if (text === undefined) return undefined;
  const entries = portList.read(text);
  if (entries === undefined) throw wrong('--opaque-ports', text, portList.expected);
  return entries.flatMap((entry) =>
    'name' in entry ? [] : Array.from({ length: entry.to - entry.from + 1 }, (_, index) => entry.from + index),
  );
}

function networks(text: string | undefined): string[] | undefined {
  if (text === undefined) return undefined;
  const found = subnetList.read(text);
  if (found === undefined || found.length === 0) throw wrong('--cluster-networks', text, subnetList.expected);
  return found;
}

const wrong = (option: string, text: string, expected: string): UsageError =>
  new UsageError(`${option} (${text}) must be ${expected}`);

const duration = (option: string, text: string | undefined): Duration | undefined =>
  text === undefined ? undefined : Duration.millis(parseDurationMs(option, text));

const repeated = (value: string, before: readonly string[] = []): string[] => [...before, value];

const dropUndefined = <T extends object>(object: T): T =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
