import type { Metadata } from '../../api/gen/meta_pb.js';

/** What metrics call a server, route or authorization. */
export interface PolicyLabels {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
}

/** The same with where it stands, as metrics of routes tell it. */
export interface ResourceLabels extends PolicyLabels {
  /** Empty for something that is no object. */
  readonly namespace: string;
  /** 0 where it is not of one port. */
  readonly port: number;
}

export function resourceLabels(metadata: Metadata | undefined): ResourceLabels {
  const kind = metadata?.kind;
  const { namespace, port } = kind?.case === 'resource' ? kind.value : { namespace: '', port: 0 };
  return { ...labelsFromMetadata(metadata), namespace, port };
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
