import { setting } from '../contract/annotations.ts';
import { type InboundPolicyName, isInboundPolicy } from '../contract/inbound-policies.ts';
import type { LabelSelector } from '../contract/labels.ts';
import { ownerLabelPrefix } from '../contract/labels.ts';
import { proxyContainerName } from '../contract/names.ts';
import { containsPort, parsePorts } from '../contract/port-list.ts';
import type { InjectConfig } from '../inject/config.ts';
import { isRecord, type Manifest, type Metadata, type PodTemplate } from '../inject/kubernetes.ts';
import { inboundPorts, runningContainers } from '../inject/ports.ts';
import { type KubeletRequest, kubeletRequests } from './kubelet-requests.ts';

/** A port of an application, as its sidecar guards it. */
export interface GuardedPort {
  readonly number: number;
  /** The container's name for it. */
  readonly name: string | undefined;
  /** Bytes are passed on as they are: nothing that is about requests holds. */
  readonly opaque: boolean;
  /** Connections come in without the proxy, so that nothing holds. */
  readonly skipped: boolean;
  /** What the kubelet asks here. */
  readonly asked: readonly KubeletRequest[];
  /** Who may call where nobody says otherwise. */
  readonly policy: InboundPolicyName;
}

/** A workload, as far as policy for it depends on what it is. */
export interface GuardedWorkload {
  readonly name: string;
  readonly namespace: string;
  /** Selects its pods; undefined where they have no label. */
  readonly selector: LabelSelector | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  /** In ascending order. */
  readonly ports: readonly GuardedPort[];
  /** The port that Prometheus is told of by `prometheus.io/port`; undefined where it is not told to come. */
  readonly scraped: number | undefined;
}

/** Reads a workload as it is rendered: settings are on its template. */
export function guardedWorkload(
  manifest: Manifest,
  template: PodTemplate,
  config: InjectConfig,
  namespaces: ReadonlyMap<string, Metadata>,
): GuardedWorkload {
  const { name = '', namespace = 'default' } = manifest.metadata ?? {};
  const { spec = {}, metadata } = template;
  const around = namespaces.get(namespace);
  const app = runningContainers(spec).filter((container) => container.name !== proxyContainerName);
  const entries = (text: string | undefined) => (text === undefined ? undefined : parsePorts(text, 'names'));
  const opaque = entries(setting(metadata, 'opaque-ports') ?? setting(around, 'opaque-ports'));
  const skipped = entries(setting(metadata, 'skip-inbound-ports') ?? setting(around, 'skip-inbound-ports'));
  const identified = entries(setting(metadata, 'proxy-require-identity-inbound-ports'));
  const policy = setting(metadata, 'default-inbound-policy') ?? setting(around, 'default-inbound-policy') ?? '';
  const { defaults } = config;
  const requests = kubeletRequests(app);
  const numbers = [...new Set([...inboundPorts(app), ...requests.map(({ port }) => port)])].sort((a, b) => a - b);
  return {
    name,
    namespace,
    selector: selectorOf(manifest, metadata?.labels ?? {}),
    labels: metadata?.labels ?? {},
    serviceAccount: (spec.serviceAccountName as string | undefined) ?? 'default',
    ports: numbers.map((number) => {
      const named = app.flatMap(({ ports = [] }) => ports).find(({ containerPort }) => containerPort === number)?.name;
      const asked = isInboundPolicy(policy) ? policy : defaults.inboundPolicy;
      return {
        number,
        name: named,
        opaque: containsPort(opaque ?? defaults.opaquePorts, number, named),
        skipped: containsPort(skipped ?? defaults.skipInboundPorts, number, named),
        asked: requests.filter(({ port }) => port === number),
        policy: containsPort(identified ?? defaults.requireIdentityPorts, number, named) ? withIdentity(asked) : asked,
      };
    }),
    scraped: scrapedPort(metadata),
  };
}

/** A Server's word stands in place of that of the port, which asks for an identity whatever the policy says. */
function withIdentity(policy: InboundPolicyName): InboundPolicyName {
  if (policy === 'deny') return policy;
  return policy.startsWith('cluster-') ? 'cluster-authenticated' : 'all-authenticated';
}

function selectorOf({ spec }: Manifest, labels: Readonly<Record<string, string>>): LabelSelector | undefined {
  const given = isRecord(spec?.selector) ? (spec.selector as LabelSelector) : {};
  const isSelecting = Object.keys(given.matchLabels ?? {}).length > 0 || (given.matchExpressions ?? []).length > 0;
  if (isSelecting) return given;
  // The owner's label is written by the webhook, which may fail to learn the owner.
  const own = Object.fromEntries(Object.entries(labels).filter(([key]) => !key.startsWith(ownerLabelPrefix)));
  return Object.keys(own).length === 0 ? undefined : { matchLabels: own };
}

function scrapedPort(metadata: Metadata | undefined): number | undefined {
  const annotations = metadata?.annotations ?? {};
  if (annotations['prometheus.io/scrape'] !== 'true') return undefined;
  return Number(annotations['prometheus.io/port']) || undefined;
}
