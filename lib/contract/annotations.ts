/** Annotations that the mesh reads and writes on workloads, Services and namespaces. */

export const injectAnnotation = 'tulle.dev/inject';
export const linkerdInjectAnnotation = 'linkerd.io/inject';
/** Prefixes of settings; where both name one setting on one object, the first wins. */
export const settingPrefixes = ['config.tulle.dev/', 'config.linkerd.io/'] as const;
/** Only the setting `proxy-wait-before-exit-seconds` stands here too, as in Linkerd. */
export const alphaSettingPrefix = 'config.alpha.linkerd.io/';

/** By which Linkerd's viz extension leaves a workload, or all of a namespace, untapped. */
export const disableTapAnnotation = 'viz.linkerd.io/disable-tap';

/** The setting by which a workload lets the first bytes of its bodies be seen by who may: `enabled`. */
export const tapBodiesSetting = 'tap-bodies';

export const createdByAnnotation = 'linkerd.io/created-by';
export const proxyVersionAnnotation = 'linkerd.io/proxy-version';

/** On pods, which program their sidecar is where it is not the mesh's own: `linkerd2`. */
export const dataPlaneAnnotation = 'tulle.dev/data-plane';

/** Names the certificate that a component put into a Secret, so that another one in its place is known to be somebody else's. */
export const certificateAnnotation = 'tulle.dev/certificate-sha256';

/** `in-order`: the backends of a route are in order of preference, instead of having shares by weight. */
export const backendsAnnotation = 'tulle.dev/backends';
/** The share of its endpoints of which fewer are ready when such a route goes on to the next backend. */
export const failoverBelowAnnotation = 'tulle.dev/failover-below';

/** Of a route, Service or EgressNetwork: the share of its requests that begin a trace where nobody has decided, from 0 to 1. */
export const traceSampleRateAnnotation = 'tracing.tulle.dev/sample-rate';

/** What has annotations: metadata as manifests, sources and admission reviews have it. */
export interface Annotated {
  readonly annotations?: Readonly<Record<string, unknown>> | null;
}

/** The keys that a setting is read from; the first that is there holds. */
export const settingKeys = (name: string): string[] => settingPrefixes.map((prefix) => prefix + name);

/** The key that a setting is written to. */
export const settingKey = (name: string): string => settingPrefixes[0] + name;

export const opaquePortsKeys = settingKeys('opaque-ports');
export const skipInboundPortsKeys = settingKeys('skip-inbound-ports');

/** The value of the first of some annotations that an object has, and the key that it stands under. */
export function findAnnotation(
  metadata: Annotated | null | undefined,
  keys: readonly string[],
): { readonly key: string; readonly value: string } | undefined {
  for (const key of keys) {
    const value = metadata?.annotations?.[key];
    if (value !== undefined && value !== null) return { key, value: String(value) };
  }
  return undefined;
}

/** A setting of an object, under its own prefix or Linkerd's. */
export const setting = (metadata: Annotated | null | undefined, name: string): string | undefined =>
  findAnnotation(metadata, settingKeys(name))?.value;
