import type { Metadata } from '../../api/gen/meta_pb.js';
import type { PolicyLabels, ResourceLabels } from '../model/policy-labels.ts';

export type { PolicyLabels, ResourceLabels } from '../model/policy-labels.ts';

export function resourceLabels(metadata: Metadata | undefined): ResourceLabels {
  const kind = metadata?.kind;
  const none = { namespace: '', port: 0, section: '' };
  const { namespace, port, section } = kind?.case === 'resource' ? kind.value : none;
  return { ...labelsFromMetadata(metadata), namespace, port, section };
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
