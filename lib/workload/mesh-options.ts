import { settingKey } from '../contract/annotations.ts';
import type { InboundPolicy } from './inbound-policy.ts';
import type { Injection } from './injection.ts';
import { disjoint, ports, subnets } from './option-values.ts';
import { proxySettings } from './proxy-annotations.ts';
import type { ProxyOptions } from './proxy-options.ts';
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

/** The annotations that say what the options say. Throws when a value cannot be meant. */
export function annotationsOf(options: MeshOptions): Record<string, string> {
  failOnContradictions(options);
  const settings: Record<string, string | undefined> = {
    'opaque-ports': ports('opaquePorts', options.opaquePorts),
    'skip-inbound-ports': ports('skipInboundPorts', options.skipInboundPorts),
    'skip-outbound-ports': ports('skipOutboundPorts', options.skipOutboundPorts),
    'skip-subnets': subnets('skipSubnets', options.skipSubnets),
    'proxy-require-identity-inbound-ports': ports('requireIdentityOnPorts', options.requireIdentityOnPorts),
    'default-inbound-policy': options.inboundPolicy?.name,
    ...proxySettings(options.proxy ?? {}),
  };
  const annotations: Record<string, string> = { ...options.tracing?._annotations };
  for (const [name, value] of Object.entries(settings)) {
    if (value !== undefined) annotations[settingKey(name)] = value;
  }
  return annotations;
}

function failOnContradictions({ injection, proxy, ...options }: MeshOptions): void {
  const skipped = ['skipInboundPorts', options.skipInboundPorts] as const;
  disjoint(
    skipped,
    ['requireIdentityOnPorts', options.requireIdentityOnPorts],
    'what passes the proxy by proves nothing',
  );
  disjoint(skipped, ['opaquePorts', options.opaquePorts], 'clients would send to a proxy what is to pass it by');
  if (injection?._mode === 'disabled' && proxy !== undefined) {
    throw new Error("'proxy' must not be with Injection.disabled(), by which there is none: leave one of them out");
  }
  if (injection?._mode === 'explicit' && proxy?.closeWaitTimeout !== undefined) {
    throw new Error(
      `'closeWaitTimeout' (${proxy.closeWaitTimeout.toHumanString()}) must not be with Injection.explicit(), which has no init ` +
        'container that could set it: leave one of them out',
    );
  }
}
