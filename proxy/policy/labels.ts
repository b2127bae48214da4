import type { Metadata } from '../../api/gen/meta_pb.js';
import type { PolicyLabels, ResourceLabels } from '../model/policy-labels.ts';

export type { PolicyLabels, ResourceLabels } from '../model/policy-labels.ts';

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
