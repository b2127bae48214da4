import type { Duration, Size } from 'cdk8s';
import { settingKey } from '../contract/annotations.ts';
import { isCidr } from '../contract/cidr.ts';
import type { InboundPolicy } from './inbound-policy.ts';
import type { Injection } from './injection.ts';
import type { Statsd } from './statsd.ts';
import type { Tracing } from './tracing.ts';

/** What the mesh does for one workload. */
export interface MeshOptions {
  /**
   * How the workload gets its sidecar.
   *
   * @default Injection.webhook()
   */
  readonly injection?: Injection;

  /**
   * Ports whose bytes are passed on as they are, for protocols where the server speaks first. Told to clients too.
   *
   * @default - the opaque ports of the mesh (25, 587, 3306, 4444, 5432, 6379, 9300, 11211)
   */
  readonly opaquePorts?: number[];

  /**
   * Ports of the workload that calls reach without the proxy.
   *
   * @default - those of the mesh (4567, 4568)
   */
  readonly skipInboundPorts?: number[];

  /**
   * Ports that the workload calls without the proxy.
   *
   * @default - those of the mesh (4567, 4568)
   */
  readonly skipOutboundPorts?: number[];

  /**
   * Networks, in CIDR notation, whose calls reach the workload without the proxy.
   *
   * @default - none
   */
  readonly skipSubnets?: string[];

  /**
   * Ports that take meshed clients only, whatever policy says.
   *
   * @default - none
   */
  readonly requireIdentityOnPorts?: number[];

  /**
   * Who may call ports that no Server and no authorization speaks of.
   *
   * @default - the default inbound policy of the mesh
   */
  readonly inboundPolicy?: InboundPolicy;

  /**
   * Whether a NetworkPolicy is added where others of the app restrict the workload: it lets the sidecar reach the control plane
   * and DNS, and the proxies of those peers that the others allow.
   *
   * @default true
   */
  readonly networkPolicy?: boolean;

  /**
   * Where the sidecar sends the spans of requests, and of which.
   *
   * @default - as the mesh says
   */
  readonly tracing?: Tracing;

  /**
   * The sidecar itself.
   *
   * @default - as the mesh says
   */
  readonly proxy?: ProxyOptions;
}

/** Resources, image and logs of a sidecar. */
export interface ProxyOptions {
  /**
   * Image without tag.
   *
   * @default - the image of the mesh
   */
  readonly image?: string;

  /**
   * Tag of the image.
   *
   * @default - the version of the mesh
   */
  readonly version?: string;

  /**
   * CPU asked of the node, in thousandths of a core.
   *
   * @default - none
   */
  readonly cpuRequestMillis?: number;

  /**
   * CPU at most, in thousandths of a core; rounded up it is the number of the proxy's threads.
   *
   * @default - no limit
   */
  readonly cpuLimitMillis?: number;

  /**
   * Memory asked of the node.
   *
   * @default - none
   */
  readonly memoryRequest?: Size;

  /**
   * Memory at most.
   *
   * @default - no limit
   */
  readonly memoryLimit?: Size;

  /**
   * Log directives, such as `warn,linkerd=debug`.
   *
   * @default - those of the mesh (`warn,linkerd=info,hickory=error`)
   */
  readonly logLevel?: string;

  /**
   * Whether logs are JSON.
   *
   * @default false
   */
  readonly logJson?: boolean;

  /**
   * Whether each request is logged, as JSON.
   *
   * @default false
   */
  readonly accessLog?: boolean;

  /**
   * A statsd server that gets the metrics, once a second.
   *
   * @default - none: metrics are scraped
   */
  readonly statsd?: Statsd;

  /**
   * How long the proxy may take to end open connections.
   *
   * @default Duration.seconds(120)
   */
  readonly shutdownGracePeriod?: Duration;

  /**
   * How long a connection to another workload may take to be made.
   *
   * @default Duration.seconds(1)
   */
  readonly outboundConnectTimeout?: Duration;

  /**
   * Whether the sidecar is an init container with restartPolicy Always (Kubernetes 1.29 and later).
   *
   * @default true
   */
  readonly nativeSidecar?: boolean;

  /**
   * Further environment of the proxy, by name.
   *
   * @default - none
   */
  readonly environment?: { [name: string]: string };
}

/** The annotations that say what the options say. Throws when a value cannot be meant. */
export function annotationsOf(options: MeshOptions): Record<string, string> {
  const { proxy = {} } = options;
  const environment = Object.entries(proxy.environment ?? {}).map(([name, value]) => ({ name, value }));
  const values: Record<string, string | undefined> = {
    'opaque-ports': ports('opaquePorts', options.opaquePorts),
    'skip-inbound-ports': ports('skipInboundPorts', options.skipInboundPorts),
    'skip-outbound-ports': ports('skipOutboundPorts', options.skipOutboundPorts),
    'skip-subnets': subnets('skipSubnets', options.skipSubnets),
    'proxy-require-identity-inbound-ports': ports('requireIdentityOnPorts', options.requireIdentityOnPorts),
    'default-inbound-policy': options.inboundPolicy?.name,
    'proxy-image': nonEmpty('image', proxy.image),
    'proxy-version': nonEmpty('version', proxy.version),
    'proxy-cpu-request': millis('cpuRequestMillis', proxy.cpuRequestMillis),
    'proxy-cpu-limit': millis('cpuLimitMillis', proxy.cpuLimitMillis),
    'proxy-memory-request': proxy.memoryRequest?.asString(),
    'proxy-memory-limit': proxy.memoryLimit?.asString(),
    'proxy-log-level': nonEmpty('logLevel', proxy.logLevel),
    'proxy-log-format': proxy.logJson === undefined ? undefined : proxy.logJson ? 'json' : 'plain',
    'access-log': proxy.accessLog === undefined ? undefined : proxy.accessLog ? 'json' : 'off',
    'statsd-address': proxy.statsd?.address,
    'statsd-tags': proxy.statsd?.tags.name,
    'shutdown-grace-period': durationMs(proxy.shutdownGracePeriod),
    'proxy-outbound-connect-timeout': durationMs(proxy.outboundConnectTimeout),
    'proxy-enable-native-sidecar': proxy.nativeSidecar?.toString(),
    'proxy-additional-env': environment.length > 0 ? JSON.stringify(environment) : undefined,
  };
  notAbove('cpuRequestMillis', proxy.cpuRequestMillis, 'cpuLimitMillis', proxy.cpuLimitMillis);
  notAbove('memoryRequest', kibibytes(proxy.memoryRequest), 'memoryLimit', kibibytes(proxy.memoryLimit), 'Ki');
  const annotations: Record<string, string> = { ...options.tracing?._annotations };
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined) annotations[settingKey(name)] = value;
  }
  return annotations;
}

function ports(name: string, list: number[] | undefined): string | undefined {
  const wrong = list?.find((port) => !Number.isInteger(port) || port < 1 || port > 65_535);
  if (wrong !== undefined) {
    throw new Error(`'${name}' (${list?.join(', ')}) must be ports from 1 to 65535: replace ${wrong}`);
  }
  return list?.join(',');
}

function subnets(name: string, list: string[] | undefined): string | undefined {
  const wrong = list?.find((subnet) => !isCidr(subnet));
  if (wrong !== undefined) {
    throw new Error(
      `'${name}' (${list?.join(', ')}) must be networks in CIDR notation such as 10.0.0.0/8: replace ${wrong}`,
    );
  }
  return list?.join(',');
}

function nonEmpty(name: string, value: string | undefined): string | undefined {
  if (value?.trim() === '') throw new Error(`'${name}' ('${value}') must not be empty: leave it out for the default`);
  return value;
}

function millis(name: string, value: number | undefined): string | undefined {
  if (value !== undefined && (!Number.isInteger(value) || value < 1)) {
    throw new Error(`'${name}' (${value}) must be a whole number of thousandths of a core: 500 is half a core`);
  }
  return value === undefined ? undefined : `${value}m`;
}

function notAbove(low: string, least: number | undefined, high: string, most: number | undefined, unit = ''): void {
  if (least !== undefined && most !== undefined && least > most) {
    throw new Error(
      `'${low}' (${least}${unit}) must not be above '${high}' (${most}${unit}): raise the limit or ask for less`,
    );
  }
}

const kibibytes = (size: Size | undefined): number | undefined => size?.toKibibytes();
const durationMs = (duration: Duration | undefined): string | undefined =>
  duration === undefined ? undefined : `${duration.toMilliseconds()}ms`;
