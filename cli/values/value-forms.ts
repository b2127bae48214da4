import { Duration, Size } from 'cdk8s';
import { durationMs } from '../../lib/contract/durations.ts';
import { isRecord } from '../../lib/inject/kubernetes.ts';

/** What is wrong with a value: where it stands, and what it must be. */
export type Wrong = (path: string, value: unknown, expected: string) => void;

/** How a typed property is said as plain data: in YAML, or as a text behind `--set`. */
export interface ValueForm<T = unknown> {
  /** Undefined, and told, when it cannot be read. */
  read(value: unknown, path: string, wrong: Wrong): T | undefined;
  /** What it may be, as far as that is a list: others may be too. */
  readonly offers?: readonly string[];
  /** How `--set` says it: by its path, by a path of its own names below it, or not at all. Default: `path`. */
  readonly saidBy?: 'path' | 'names below' | 'files alone';
  /** What stands below it, where it is a map of known fields. */
  readonly fields?: Readonly<Record<string, ValueForm>>;
}

/** A text, or a number or word that stands for one, that `of` makes something of; undefined: it is none. */
export function scalar<T>(
  expected: string,
  of: (text: string) => T | undefined,
  offers?: readonly string[],
): ValueForm<T> {
  return {
    ...(offers === undefined ? {} : { offers }),
    read: (value, path, wrong) => {
      const text = typeof value === 'string' ? value : isScalar(value) ? String(value) : undefined;
      const found = text === undefined ? undefined : of(text);
      if (found === undefined) wrong(path, value, expected);
      return found;
    },
  };
}

const isScalar = (value: unknown): boolean => typeof value === 'number' || typeof value === 'boolean';

export const text = scalar('a text', (given) => given);
export const flag = scalar(
  'true or false',
  (given) => (given === 'true' ? true : given === 'false' ? false : undefined),
  ['true', 'false'],
);
export const number = scalar('a number', (given) =>
  given.trim() !== '' && Number.isFinite(Number(given)) ? Number(given) : undefined,
);
export const duration = scalar('a duration such as 500ms, 30s or 24h', (given) => {
  const ms = durationMs.read(given);
  return ms === undefined ? undefined : Duration.millis(ms);
});
const sizes: Readonly<Record<string, (amount: number) => Size>> = {
  Ki: Size.kibibytes,
  Mi: Size.mebibytes,
  Gi: Size.gibibytes,
};
export const size = scalar('a size such as 96Mi or 1Gi', (given) => {
  const [, amount, unit] = /^(\d{1,9})(Ki|Mi|Gi)$/.exec(given) ?? [];
  return amount === undefined ? undefined : sizes[unit](Number(amount));
});

/** One of several, by its name. */
export const choice = <T>(factories: Readonly<Record<string, () => T>>): ValueForm<T> =>
  scalar(
    `one of ${Object.keys(factories).join(', ')}`,
    (given) => (Object.hasOwn(factories, given) ? factories[given]() : undefined),
    Object.keys(factories),
  );

/** A list; as a text its items stand between commas. */
export function listOf<T>(item: ValueForm<T>): ValueForm<T[]> {
  return {
    ...(item.fields === undefined ? {} : { saidBy: 'files alone' }),
    read: (value, path, wrong) => {
      const items =
        typeof value === 'string' && item.fields === undefined ? split(value) : isScalar(value) ? [value] : value;
      if (!Array.isArray(items)) {
        wrong(path, value, 'a list');
        return undefined;
      }
      return items
        .map((each, index) => item.read(each, `${path}[${index}]`, wrong))
        .filter((each): each is Awaited<T> & {} => each !== undefined) as T[];
    },
  };
}

const split = (given: string): string[] => (given.trim() === '' ? [] : given.split(',').map((each) => each.trim()));

/** A map of names that somebody else makes: labels, variables. */
export const texts: ValueForm<Record<string, string>> = {
  saidBy: 'names below',
  read: (value, path, wrong) => {
    if (!isRecord(value)) {
      wrong(path, value, 'a map of texts');
      return undefined;
    }
    const entries = Object.entries(value).map(([name, each]) => [name, text.read(each, `${path}.${name}`, wrong)]);
    return Object.fromEntries(entries);
  },
};

/** A map of these fields, of which none need be there. */
export function fieldsOf<T extends object>(fields: { readonly [Field in keyof T]-?: ValueForm }): ValueForm<T> {
  const known = fields as Readonly<Record<string, ValueForm>>;
  return {
    fields: known,
    read: (value, path, wrong) => {
      if (!isRecord(value)) {
        wrong(path, value, `a map of ${Object.keys(known).join(', ')}`);
        return undefined;
      }
      const read: Record<string, unknown> = {};
      for (const [name, each] of Object.entries(value)) {
        const place = path === '' ? name : `${path}.${name}`;
        if (!Object.hasOwn(known, name)) wrong(place, each, `one of ${Object.keys(known).join(', ')}`);
        else if (each !== null && each !== undefined) read[name] = known[name].read(each, place, wrong);
      }
      return read as T;
    },
  };
}

/** What of it is made by `make`, which may throw: then its message is what is wrong. */
export function made<In, Out>(form: ValueForm<In>, make: (value: In) => Out): ValueForm<Out> {
  return {
    ...(form.fields === undefined ? {} : { fields: form.fields }),
    read: (value, path, wrong) => {
      const read = form.read(value, path, wrong);
      if (read === undefined) return undefined;
      try {
        return make(read);
      } catch (error) {
        wrong(path, value, `other than it is: ${(error as Error).message}`);
        return undefined;
      }
    },
  };
}

/** What `--set` can say of a form, by path, each with what it may be; a path that ends with a dot goes on as one likes. */
export function pathsOf(form: ValueForm, path = ''): Record<string, readonly string[]> {
  const own = path === '' || (form.fields !== undefined && form.offers === undefined) ? {} : pathOf(form, path);
  const below = Object.entries(form.fields ?? {}).map(([name, each]) =>
    pathsOf(each, path === '' ? name : `${path}.${name}`),
  );
  return Object.assign(own, ...below);
}

function pathOf({ saidBy = 'path', offers = [] }: ValueForm, path: string): Record<string, readonly string[]> {
  return saidBy === 'files alone' ? {} : { [saidBy === 'path' ? path : `${path}.`]: offers };
}
