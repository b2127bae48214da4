/** Labels that the mesh writes, and how selectors of labels are read. */

export const controlPlaneNamespaceLabel = 'linkerd.io/control-plane-ns';
/** On the control plane's own pods: which component. */
export const componentLabel = 'linkerd.io/control-plane-component';
export const workloadNamespaceLabel = 'linkerd.io/workload-ns';
/** With the kind of the owner behind it: `linkerd.io/proxy-deployment`. */
export const ownerLabelPrefix = 'linkerd.io/proxy-';

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

type Labels = Readonly<Record<string, string>>;

/** Of a label, not of what every object has: `constructor` may be a label's name. */
const own = (labels: Labels | null | undefined, key: string): string | undefined =>
  labels && Object.hasOwn(labels, key) ? labels[key] : undefined;

/** Whether something has all the labels of a map, as the selectors of Services ask for. An empty map selects nothing. */
export function hasLabels(labels: Labels | null | undefined, wanted: Readonly<Record<string, unknown>>): boolean {
  const entries = Object.entries(wanted);
  return entries.length > 0 && entries.every(([key, value]) => own(labels, key) === value);
}

/** Whether a selector selects what has these labels. An empty selector selects everything. */
export function selects(selector: LabelSelector, labels: Labels | null = {}): boolean {
  const { matchLabels, matchExpressions } = selector;
  return (
    Object.entries(matchLabels ?? {}).every(([key, value]) => own(labels, key) === value) &&
    (matchExpressions ?? []).every(({ key, operator, values }) => {
      const value = own(labels, key);
      switch (operator) {
        case 'In':
          return value !== undefined && (values ?? []).includes(value);
        case 'NotIn':
          return value === undefined || !(values ?? []).includes(value);
        case 'Exists':
          return value !== undefined;
        case 'DoesNotExist':
          return value === undefined;
        default:
          return false;
      }
    })
  );
}
