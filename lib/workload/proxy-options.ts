import type { Duration, Size } from 'cdk8s';
import type { AccessLog } from './access-log.ts';
import type { PullPolicy } from './pull-policy.ts';
import type { Statsd } from './statsd.ts';

/** A sidecar: image, resources, ports, logs, and how long it waits for what. */
export interface ProxyOptions {
  /**
   * Image without tag.
   *
   * @default - the image of the mesh
   */
  readonly image?: string;

  /**
   * Tag of the image; a digest may follow it: `1.2.0@sha256:…`.
   *
   * @default - the version of the mesh
   */
  readonly version?: string;

  /**
   * When the image is pulled.
   *
   * @default PullPolicy.ifNotPresent()
   */
  readonly imagePullPolicy?: PullPolicy;

  /**
   * Port of the proxy for what comes in.
   *
   * @default 4143
   */
  readonly inboundPort?: number;

  /**
   * Port of the proxy for what goes out.
   *
   * @default 4140
   */
  readonly outboundPort?: number;

  /**
   * Port of health, metrics and the proxy's own state.
   *
   * @default 4191
   */
  readonly adminPort?: number;

  /**
   * Port where the mesh asks the proxy for the requests that pass.
   *
   * @default 4190
   */
  readonly controlPort?: number;

  /**
   * User that the proxy runs as; interception knows its connections by it.
   *
   * @default 2102
   */
  readonly userId?: number;

  /**
   * Group that the proxy runs as, and is known by besides; -1 for none of its own.
   *
   * @default -1
   */
  readonly groupId?: number;

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
   * The share of the node's cores that the proxy has threads for, between 0 and 1. Not inherited from a namespace.
   *
   * @default - as `cpuLimitMillis` says
   */
  readonly cpuRatioLimit?: number;

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
   * Disk of the node that is asked for. The proxy writes no files.
   *
   * @default - none
   */
  readonly ephemeralStorageRequest?: Size;

  /**
   * Disk of the node at most.
   *
   * @default - no limit
   */
  readonly ephemeralStorageLimit?: Size;

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
   * Whether headers may be logged, secrets in them too, where `logLevel` asks for as much.
   *
   * @default false
   */
  readonly logHttpHeaders?: boolean;

  /**
   * Whether each request is logged, and how.
   *
   * @default AccessLog.off()
   */
  readonly accessLog?: AccessLog;

  /**
   * A statsd server that gets the metrics, once a second.
   *
   * @default - none: metrics are scraped
   */
  readonly statsd?: Statsd;

  /**
   * Whether metrics of what goes out name the host that was asked for: a series for each.
   *
   * @default false
   */
  readonly metricsHostnameLabels?: boolean;

  /**
   * Whether names outside of the cluster are asked of the control plane too.
   *
   * @default false
   */
  readonly externalProfiles?: boolean;

  /**
   * Whether the proxy passes on requests for other workloads, for the gateway to another cluster. Not inherited from a
   * namespace.
   *
   * @default false
   */
  readonly gateway?: boolean;

  /**
   * Whether the tap component of the mesh may show the requests that pass the sidecar.
   *
   * @default true
   */
  readonly tap?: boolean;

  /**
   * Whether who may tap with bodies, by a right of its own (`create` on `tap-bodies` of the API group `tap.linkerd.io`), may
   * see the first bytes of the bodies of requests and responses that pass the sidecar: whatever stands in them.
   *
   * @default false
   */
  readonly tapBodies?: boolean;

  /**
   * How long a connection to the application may take to be made.
   *
   * @default Duration.millis(100)
   */
  readonly inboundConnectTimeout?: Duration;

  /**
   * How long a connection to another workload may take to be made.
   *
   * @default Duration.seconds(1)
   */
  readonly outboundConnectTimeout?: Duration;

  /**
   * How long what is known of an own port is kept after its last use.
   *
   * @default Duration.seconds(90)
   */
  readonly inboundDiscoveryIdleTimeout?: Duration;

  /**
   * How long what is known of a target is kept after its last use.
   *
   * @default Duration.seconds(5)
   */
  readonly outboundDiscoveryIdleTimeout?: Duration;

  /**
   * Whether a connection that comes in and says nothing is waited for without end, instead of being passed on as bytes
   * after 10 s.
   *
   * @default false
   */
  readonly inboundDetectTimeoutDisabled?: boolean;

  /**
   * The same of connections that go out.
   *
   * @default false
   */
  readonly outboundDetectTimeoutDisabled?: boolean;

  /**
   * How long the proxy may take to end open connections.
   *
   * @default Duration.seconds(120)
   */
  readonly shutdownGracePeriod?: Duration;

  /**
   * How long the kernel remembers connections of the pod that one side has closed, in whole seconds. Setting it takes a
   * privileged init container. Not inherited from a namespace.
   *
   * @default - as the node has it
   */
  readonly closeWaitTimeout?: Duration;

  /**
   * Whether the sidecar is an init container with restartPolicy Always (Kubernetes 1.29 and later).
   *
   * @default true
   */
  readonly nativeSidecar?: boolean;

  /**
   * Whether the application starts only when the proxy is ready. Before a native sidecar is, nothing starts anyway.
   *
   * @default true
   */
  readonly awaitProxy?: boolean;

  /**
   * Whether the proxy ends when a container of its pod asks it to, by `POST http://localhost:4191/shutdown`.
   *
   * @default - false; true in Jobs and CronJobs whose sidecar is not native
   */
  readonly adminShutdown?: boolean;

  /**
   * How long the proxy stays when its pod is ended, in whole seconds, for the application to finish. A native sidecar
   * ends after it anyway.
   *
   * @default Duration.seconds(0)
   */
  readonly waitBeforeExit?: Duration;

  /**
   * Further environment of the proxy, by name.
   *
   * @default - none
   */
  readonly environment?: { [name: string]: string };

  /**
   * Whether a container with network tools stands beside the proxy, of the image that `debugImage` says.
   *
   * @default false
   */
  readonly debugContainer?: boolean;

  /**
   * Its image, without tag. Not inherited from a namespace.
   *
   * @default - none: there is no such container then
   */
  readonly debugImage?: string;

  /**
   * Tag of its image. Not inherited from a namespace.
   *
   * @default - as the node's runtime takes an image without tag
   */
  readonly debugImageVersion?: string;

  /**
   * When its image is pulled. Not inherited from a namespace.
   *
   * @default - that of the proxy
   */
  readonly debugImagePullPolicy?: PullPolicy;
}
