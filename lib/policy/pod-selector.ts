import type { IConstruct } from 'constructs';
import type { LabelSelector } from '../contract/labels.ts';
import { isRecord } from '../inject/kubernetes.ts';
import { templateAt, templatePath } from '../inject/workload.ts';
import { checkProps } from '../props/check-props.ts';
import { mapOf, needed, text } from '../props/form.ts';
import { constructForm } from '../props/object-forms.ts';
import { objectOf } from './policy-object.ts';

/** Pods of a namespace. */
export class PodSelector {
  /** Those that have all of these labels. Throws for none, which would be all of the namespace: see `all`. */
  static labels(labels: { [name: string]: string }): PodSelector {
    // One that is left out would select more.
    checkProps({ labels: needed(mapOf(text, true)) }, { labels });
    if (Object.keys(labels).length === 0)
      throw new Error("'labels' ({}) must have one: PodSelector.all() is every pod");
    return new PodSelector(() => ({ matchLabels: { ...labels } }));
  }

  /** Every pod of the namespace. */
  static all(): PodSelector {
    return new PodSelector(() => ({}));
  }

  /** Those of a workload: of cdk8s-plus in any version, of this library, or an ApiObject. */
  static of(workload: IConstruct): PodSelector {
    checkProps({ pods: needed(constructForm) }, { pods: workload });
    const object = objectOf(workload, 'pods', 'a workload or a PodSelector');
    // Workloads of cdk8s-plus know, and some cannot be rendered yet.
    const { matchLabels } = workload as { readonly matchLabels?: Readonly<Record<string, string>> };
    if (Object.keys(matchLabels ?? {}).length > 0) return new PodSelector(() => ({ matchLabels }));
    return new PodSelector(() => {
      const manifest = object.toJson();
      const given = isRecord(manifest.spec?.selector) ? (manifest.spec.selector as LabelSelector) : {};
      if (Object.keys(given.matchLabels ?? {}).length > 0 || (given.matchExpressions ?? []).length > 0) return given;
      const path = templatePath(manifest);
      const labels = path === undefined ? undefined : templateAt(manifest, path)?.metadata?.labels;
      if (labels === undefined || Object.keys(labels).length === 0) {
        throw new Error(`'pods' (${workload.node.path}) must be a workload whose pods have labels: give them one`);
      }
      return { matchLabels: labels };
    });
  }

  private readonly selector: () => LabelSelector;

  private constructor(selector: () => LabelSelector) {
    this.selector = selector;
  }

  /** @internal Asked when it is rendered. */
  get _selector(): () => LabelSelector {
    return this.selector;
  }
}
