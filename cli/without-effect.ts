import type { KubernetesObject } from '../lib/kinds/kubernetes-object.ts';
import { type Entry, nameOf } from '../lib/validation/manifest-model.ts';
import { simulatedCluster } from '../model/simulated-cluster.ts';

/** What the control plane would tell of an object: that something in it takes no effect. */
export interface NoEffect<E extends Entry> {
  readonly at: E;
  /** Path of the field; undefined where it is not told. */
  readonly field: string | undefined;
  readonly message: string;
}

/** What in manifests takes no effect, as the model of a mesh finds it. They are to fit the schemas of their kinds. */
export function withoutEffect<E extends Entry>(entries: readonly E[]): NoEffect<E>[] {
  const { problems } = simulatedCluster(
    entries.map(({ manifest }) => manifest) as unknown as readonly KubernetesObject[],
  );
  return [...new Set(problems)].flatMap((problem) => {
    const [, kind, name, message] = /^(\w+)(?:\.\S*)? ([^\s:]+): (.*)$/s.exec(problem) ?? [];
    const at = entries.find(
      ({ manifest }) =>
        manifest.kind === kind && (nameOf(manifest) === `${kind} ${name}` || manifest.metadata?.name === name),
    );
    return at === undefined ? [] : [{ at, ...fieldAndRest(message) }];
  });
}

/** Messages begin with the path of their field where they have one: `spec.port (0) must be ...`. */
export function fieldAndRest(text: string): { readonly field: string | undefined; readonly message: string } {
  const [, field, message] = /^((?:spec|metadata|data)(?:\.[\w-]+|\[[^\]]*\])*):? (.+)$/s.exec(text) ?? [];
  return message === undefined ? { field: undefined, message: text } : { field, message };
}
