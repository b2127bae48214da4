import type { ApiObject } from 'cdk8s';
import { injectAnnotation } from '../contract/annotations.ts';
import { hasSidecar, unfit } from '../inject/decision.ts';
import { isRecord, type Manifest } from '../inject/kubernetes.ts';
import { isList, manifestName, podsElsewhere, templateAt, templatePath } from '../inject/workload.ts';
import { warn } from './warnings.ts';

/** Who asks for one workload's sidecar must not learn in the cluster that it has none. */
export function failOnUnfit(object: ApiObject, manifest: Manifest): void {
  const reason = unfitReason(manifest);
  if (reason === undefined) return;
  throw new Error(
    `The workload can have no sidecar:\n  [${object.node.path}] ${reason}: give it Injection.disabled(), or change that`,
  );
}

/** Who meshes a whole tree is told which of its workloads are left out, unless they ask for that themselves. */
export function warnOfUnmeshed(object: ApiObject, manifest: Manifest): void {
  const items = isList(manifest) ? manifest.items.filter(isRecord) : [manifest];
  for (const item of items) {
    const path = templatePath(item);
    const own = path && templateAt(item, path)?.metadata?.annotations?.[injectAnnotation];
    const reason = path ? unfitReason(item) : elsewhere(item);
    if (reason === undefined || own === 'disabled') continue;
    warn(object, 'TULLE_NOT_MESHED', `${manifestName(item)} gets no sidecar: ${reason}`);
  }
}

function unfitReason(manifest: Manifest): string | undefined {
  const path = templatePath(manifest);
  const template = path && templateAt(manifest, path);
  return template && !hasSidecar(template) ? unfit(template) : undefined;
}

function elsewhere(manifest: Manifest): string | undefined {
  const place = podsElsewhere(manifest);
  return place && `its kind is not known, and its pods stand at ${place}: annotate these, or their namespace`;
}
