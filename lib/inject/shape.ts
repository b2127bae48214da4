import { isRecord, type PodTemplate } from './kubernetes.ts';

/**
 * What must stand where injection reads. null is as if nothing stood there, as for the API server; anything else of
 * another kind than is expected is a mistake that the API server would refuse.
 */
type Shape = 'anything' | { readonly each: Shape } | { readonly [field: string]: Shape };

const texts: Shape = {};
const probe: Shape = { httpGet: texts };
const container: Shape = {
  restartPolicy: 'anything',
  env: { each: { value: 'anything' } },
  ports: { each: { name: 'anything', protocol: 'anything' } },
  volumeMounts: { each: texts },
  livenessProbe: probe,
  readinessProbe: probe,
  startupProbe: probe,
};
const template: Shape = {
  metadata: { labels: texts, annotations: texts },
  spec: {
    containers: { each: container },
    initContainers: { each: container },
    volumes: { each: texts },
    nodeSelector: texts,
    os: texts,
  },
};

/** Where an object is not what it must be. */
export interface Misshape {
  /** Within the pod: `spec.containers[0].ports`. */
  readonly field: string;
  readonly expected: 'a map' | 'a list';
}

class Misshapen extends Error {
  readonly misshape: Misshape;

  constructor(misshape: Misshape) {
    super(`${misshape.field} must be ${misshape.expected}`);
    this.misshape = misshape;
  }
}

/** A pod without the fields that are null, which may be the pod itself; or the first place that is not what it must be. */
export function soundPod<T extends PodTemplate>(pod: T): { readonly pod: T } | { readonly misshape: Misshape } {
  try {
    return { pod: sound(pod, template, '') as T };
  } catch (error) {
    if (error instanceof Misshapen) return { misshape: error.misshape };
    throw error;
  }
}

function sound(value: unknown, shape: Shape, path: string): unknown {
  if (shape === 'anything') return value;
  if ('each' in shape) {
    if (!Array.isArray(value)) throw new Misshapen({ field: path, expected: 'a list' });
    const items = value.map((item, index) => sound(item, shape.each as Shape, `${path}[${index}]`));
    return items.every((item, index) => item === value[index]) ? value : items;
  }
  if (!isRecord(value)) throw new Misshapen({ field: path, expected: 'a map' });
  const fields = Object.keys(shape).filter((field) => field in value);
  const read = fields.map((field): [string, unknown] => [
    field,
    value[field] === null || value[field] === undefined
      ? undefined
      : sound(value[field], shape[field], path === '' ? field : `${path}.${field}`),
  ]);
  if (read.every(([field, one]) => one === value[field])) return value;
  const changed: Record<string, unknown> = { ...value, ...Object.fromEntries(read) };
  for (const [field, one] of read) if (one === undefined) delete changed[field];
  return changed;
}
