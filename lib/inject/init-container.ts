import { initContainerName, xtablesVolumeName } from '../contract/names.ts';
import { formatPorts, type PortEntry } from '../contract/port-list.ts';
import type { InjectConfig, ProxySettings } from './config.ts';
import type { Container, Volume } from './kubernetes.ts';
import { resourcesOf } from './resources.ts';

/** Redirects the pod's TCP connections to the proxy by iptables (linkerd2-proxy-init; same flags). */
export function initContainer(
  settings: ProxySettings,
  { ipv6 = false, linkerd2 }: Pick<InjectConfig, 'ipv6' | 'linkerd2'>,
): Container {
  const { image, version } = linkerd2 ?? settings;
  const { skipInboundPorts, skipOutboundPorts, skipSubnets, closeWaitTimeoutSeconds } = settings;
  const proxyPorts: PortEntry[] = [settings.controlPort, settings.adminPort].map((port) => ({ from: port, to: port }));
  const privileged = closeWaitTimeoutSeconds > 0; // it writes a sysctl of the pod's network namespace
  const resources = resourcesOf(settings);
  return {
    name: initContainerName,
    image: `${image}:${version}`,
    imagePullPolicy: settings.imagePullPolicy,
    args: [
      'init',
      ...flag('firewall-bin-path', 'iptables-nft'),
      ...flag('firewall-save-bin-path', 'iptables-nft-save'),
      `--ipv6=${ipv6}`,
      ...flag('incoming-proxy-port', `${settings.inboundPort}`),
      ...flag('outgoing-proxy-port', `${settings.outboundPort}`),
      ...flag('proxy-uid', `${settings.uid}`),
      ...(settings.gid >= 0 ? flag('proxy-gid', `${settings.gid}`) : []),
      ...flag('inbound-ports-to-ignore', formatPorts([...proxyPorts, ...skipInboundPorts])),
      ...(skipOutboundPorts.length > 0 ? flag('outbound-ports-to-ignore', formatPorts(skipOutboundPorts)) : []),
      ...(skipSubnets.length > 0 ? flag('subnets-to-ignore', skipSubnets.join(',')) : []),
      ...(privileged ? flag('timeout-close-wait-secs', `${closeWaitTimeoutSeconds}`) : []),
    ],
    // As the proxy's: a quota of the namespace refuses pods with a container that names none.
    ...(resources ? { resources } : {}),
    securityContext: {
      allowPrivilegeEscalation: privileged,
      // A privileged container has all of them; dropping them would take away what it is privileged for.
      capabilities: { add: ['NET_ADMIN', 'NET_RAW'], ...(privileged ? {} : { drop: ['ALL'] }) },
      privileged,
      readOnlyRootFilesystem: true,
      runAsGroup: privileged ? 0 : 65_534,
      runAsNonRoot: !privileged,
      runAsUser: privileged ? 0 : 65_534,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [{ name: xtablesVolumeName, mountPath: '/run' }],
  };
}

/** iptables takes its lock in /run, and the root file system is read-only. */
export const xtablesVolume = (): Volume => ({ name: xtablesVolumeName, emptyDir: {} });

const flag = (name: string, value: string): string[] => [`--${name}`, value];
