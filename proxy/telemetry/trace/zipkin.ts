import type { Attribute, Resource, Span } from './span.ts';

/** What names the pod among what all spans are of: Zipkin knows a service and its address only. */
const toldOfResource = new Set(['k8s.namespace.name', 'k8s.pod.name']);

/** Zipkin's own names of what the conventions call otherwise (zipkin.io/zipkin-api, v2 JSON). */
export function encodeZipkin(resource: Resource, spans: readonly Span[]): string {
  const localEndpoint = { serviceName: resource.serviceName };
  const common = resource.attributes.filter(([name]) => toldOfResource.has(name));
  return JSON.stringify(spans.map((span) => zipkinSpan(span, localEndpoint, common)));
}

function zipkinSpan(span: Span, localEndpoint: object, common: readonly Attribute[]): object {
  const { traceId, spanId, parentId, kind, name, startMs, endMs, attributes, error, peer } = span;
  const timestamp = Math.round(startMs * 1000);
  const tags: Record<string, string> = {};
  for (const [key, value] of common) tags[key] = String(value);
  for (const [key, value] of attributes) tags[key] = String(value);
  // Its presence is what marks a span as failed.
  if (error !== undefined) tags['error'] = error;
  return {
    traceId,
    id: spanId,
    parentId: parentId === '' ? undefined : parentId,
    kind: kind === 'internal' ? undefined : kind.toUpperCase(),
    name,
    timestamp,
    // What took no time that could be measured took some.
    duration: Math.max(1, Math.round(endMs * 1000) - timestamp),
    localEndpoint,
    remoteEndpoint: peer && {
      [peer.address.includes(':') ? 'ipv6' : 'ipv4']: peer.address,
      port: peer.port === 0 ? undefined : peer.port,
    },
    tags,
  };
}
