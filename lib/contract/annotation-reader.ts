import { trafficDurationMs } from './durations.ts';

export type Annotations = Readonly<Record<string, string>>;
/** Told of an annotation that cannot be read: its name, its value, and what it must be. */
export type Complain = (annotation: string, value: string, rule: string) => void;

class WrongAnnotation extends Error {
  readonly annotation: string;
  readonly value: string;
  readonly rule: string;

  constructor(annotation: string, value: string, rule: string) {
    super(rule);
    this.annotation = annotation;
    this.value = value;
    this.rule = rule;
  }
}

/** Reads annotations by name: undefined where there is none, and `wrong` where one is not what it must be. */
export class AnnotationReader {
  private readonly annotations: Annotations;

  constructor(annotations: Annotations) {
    this.annotations = annotations;
  }

  text(name: string): string | undefined {
    return this.annotations[name];
  }

  wrong(name: string, rule: string): never {
    throw new WrongAnnotation(name, this.annotations[name] ?? '', rule);
  }

  durationMs(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    return trafficDurationMs.read(text) ?? this.wrong(name, `must be ${trafficDurationMs.expected}`);
  }

  number(name: string, min: number, max: number, integer: boolean): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max && (!integer || Number.isInteger(value))) return value;
    return this.wrong(name, `must be ${integer ? 'an integer' : 'a number'} from ${min} to ${max}`);
  }

  flag(name: string): boolean {
    const text = this.text(name) ?? 'false';
    if (text !== 'true' && text !== 'false') this.wrong(name, "must be 'true' or 'false'");
    return text === 'true';
  }
}

/** What `read` makes of annotations; undefined, and told to `complain`, where it finds one to be wrong. */
export function readGroup<T>(
  annotations: Annotations,
  complain: Complain,
  read: (reader: AnnotationReader) => T,
): T | undefined {
  try {
    return read(new AnnotationReader(annotations));
  } catch (error) {
    if (!(error instanceof WrongAnnotation)) throw error;
    complain(error.annotation, error.value, error.rule);
    return undefined;
  }
}
