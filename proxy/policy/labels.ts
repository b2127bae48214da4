import type { Metadata } from '../../api/gen/meta_pb.js';

/** What metrics call a server, route or authorization. */
export interface PolicyLabels {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
}

/** The labels of something that is no object: `{group: "", kind: "default", name}`. */
export function defaultLabels(name: string): PolicyLabels {
  return { group: '', kind: 'default', name };
}

export function labelsFromMetadata(metadata: Metadata | undefined): PolicyLabels {
  const kind = metadata?.kind;
  if (kind?.case === 'resource') return { group: kind.value.group, kind: kind.value.kind, name: kind.value.name };
  return defaultLabels(kind?.case === 'default' ? kind.value : 'unknown');
}
