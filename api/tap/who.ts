import { create } from '@bufbuild/protobuf';
import { type TapEvent, TapEvent_EndpointMetaSchema, TapEvent_ProxyDirection } from '../gen/tap_pb.js';
import { ipText } from '../ip-text.ts';

/** Labels of the pod or node at an address; undefined where there is none that is known. */
export type LabelsAt = (ip: string) => Readonly<Record<string, string>> | undefined;

/**
 * Adds who the two ends of a request are. A proxy knows whom it calls, since discovery tells it, but not who calls it, nor
 * its own workload.
 */
export function addLabels(event: TapEvent, labelsAt: LabelsAt): void {
  const { source, destination } = event;
  const of = (ip: typeof source) => (ip?.ip === undefined ? undefined : labelsAt(ipText(ip.ip)));
  event.sourceMeta = withLabels(event.sourceMeta, of(source));
  if (event.proxyDirection === TapEvent_ProxyDirection.INBOUND) {
    event.destinationMeta = withLabels(event.destinationMeta, of(destination));
  }
}

function withLabels(meta: TapEvent['sourceMeta'], labels: Readonly<Record<string, string>> | undefined) {
  if (labels === undefined) return meta;
  return create(TapEvent_EndpointMetaSchema, { labels: { ...meta?.labels, ...labels } });
}
