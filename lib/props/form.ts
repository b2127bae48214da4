import { ofOtherCopy } from './one-copy.ts';

/** Forms of props: what a value may be, said once, for people who write without types and for those who cast them away. */

/** A value that is not what it may be. */
export interface Misfit {
  /** Of the prop, with the way to it: `components.destination.replicas`, `hostnames[0]`. */
  readonly name: string;
  readonly value: unknown;
  /** What to do, behind name and value: `must be a number`. */
  readonly rule: string;
}

/** What a prop may be. */
export interface Form {
  readonly isNeeded?: false;
  /** For people, behind `must be`. A function, since classes that it names may be loaded later. */
  readonly expected: () => string;
  /** The first that is wrong; undefined where the value fits. */
  readonly misfit: (name: string, value: unknown) => Misfit | undefined;
}

/** The same of a prop that must be given. */
export interface NeededForm extends Omit<Form, 'isNeeded'> {
  readonly isNeeded: true;
}

/** The form of each prop of an interface: a prop that is added has to be given one. */
export type Shape<Props> = {
  readonly [Name in keyof Props]-?: Record<never, never> extends Pick<Props, Name> ? Form : NeededForm;
};

/** What a test tells. */
export const form = (expected: string | (() => string), fits: (value: unknown) => boolean): Form => {
  const told = typeof expected === 'string' ? () => expected : expected;
  return {
    expected: told,
    misfit: (name, value) => (fits(value) ? undefined : { name, value, rule: `must be ${told()}` }),
  };
};

export const needed = (given: Form): NeededForm => ({ ...given, isNeeded: true });

export const text = form('a text', (value) => typeof value === 'string');
/** Of any size, NaN too: whoever takes it says between which bounds. */
export const number = form('a number', (value) => typeof value === 'number');
export const flag = form('true or false', (value) => typeof value === 'boolean');

/** One of several texts. */
export const word = (...words: readonly string[]): Form =>
  form(words.map((one) => `'${one}'`).join(' or '), (value) => words.includes(value as string));

/** Of cdk8s, in whichever copy the app has. */
export const duration = form('a Duration, such as Duration.seconds(5)', (value) => hasMethod(value, 'toMilliseconds'));
export const size = form('a Size, such as Size.mebibytes(64)', (value) => hasMethod(value, 'asString'));

/** An instance of a class of the library, which is named when it is asked for: classes may import each other. */
export const instance = (classOf: () => { readonly name: string; readonly prototype: object }): Form => ({
  expected: () => waysTo(classOf()),
  misfit: (name, value) => {
    const of = classOf();
    if (isObject(value) && Object.prototype.isPrototypeOf.call(of.prototype, value)) return undefined;
    // Of a class of that name somewhere else.
    const isTwin = isObject(value) && value.constructor?.name === of.name;
    return { name, value, rule: isTwin ? ofOtherCopy : `must be ${waysTo(of)}` };
  },
});

/** What fits one of several. */
export const either = (...forms: readonly Form[]): Form => {
  const expected = () => forms.map((each) => each.expected()).join(', or ');
  return {
    expected,
    misfit: (name, value) => {
      const rules = forms.map(({ misfit }) => misfit(name, value)?.rule);
      if (rules.includes(undefined)) return undefined;
      return { name, value, rule: rules.includes(ofOtherCopy) ? ofOtherCopy : `must be ${expected()}` };
    },
  };
};

/** What is looked at elsewhere. */
export const anything = form('anything', () => true);

export const listOf = (each: Form): Form => {
  const expected = () => `a list, each of it ${each.expected()}`;
  return {
    expected,
    misfit: (name, value) => {
      if (!Array.isArray(value)) return { name, value, rule: `must be ${expected()}` };
      // Holes are values too.
      return firstOf(Array.from(value), (item, at) => each.misfit(`${name}[${at}]`, item));
    },
  };
};

/** Of any names. What is undefined is left out, as of props, unless it `isWhole`. */
export const mapOf = (each: Form, isWhole = false): Form => {
  const expected = () => `an object of names, each with ${each.expected()}`;
  return {
    expected,
    misfit: (name, value) => {
      if (!isPlain(value)) return { name, value, rule: `must be ${expected()}` };
      const given = Object.entries(value).filter(([, item]) => isWhole || item !== undefined);
      return firstOf(given, ([key, item]) => each.misfit(`${name}.${key}`, item));
    },
  };
};

/** An object of props. */
export const propsOf = <Props>(shape: Shape<Props>): Form => {
  const expected = () => `an object of ${Object.keys(shape).filter(isPublic).join(', ')}`;
  return {
    expected,
    misfit: (name, value) =>
      isPlain(value) ? misfitIn(shape, value, `${name}.`) : { name, value, rule: `must be ${expected()}` },
  };
};

/** The first prop of an object that is wrong. `way` stands before names. */
export function misfitIn<Props>(shape: Shape<Props>, props: object, way = ''): Misfit | undefined {
  const forms = Object.entries<Form | NeededForm>(shape);
  const given = props as Readonly<Record<string, unknown>>;
  const wrong = firstOf(forms, ([name, { isNeeded, expected, misfit }]) => {
    const value = given[name];
    if (value === undefined) {
      return isNeeded ? { name: way + name, value, rule: `must be given: ${expected()}` } : undefined;
    }
    const found = misfit(way + name, value);
    return found && value === null && !isNeeded ? { ...found, rule: `${found.rule}, or be left out` } : found;
  });
  if (wrong !== undefined) return wrong;
  const unknown = Object.keys(given).find((name) => given[name] !== undefined && !Object.hasOwn(shape, name));
  if (unknown === undefined) return undefined;
  const names = Object.keys(shape).filter(isPublic).join(', ');
  return { name: way + unknown, value: given[unknown], rule: `must be one of ${names}` };
}

const firstOf = <Item>(
  items: readonly Item[],
  misfit: (item: Item, at: number) => Misfit | undefined,
): Misfit | undefined => {
  for (const [at, item] of items.entries()) {
    const found = misfit(item, at);
    if (found !== undefined) return found;
  }
  return undefined;
};

/** How an instance is come by: `DataPlane.tulle() or DataPlane.linkerd2()`. */
function waysTo(of: { readonly name: string; readonly prototype: object }): string {
  const statics = Object.entries(Object.getOwnPropertyDescriptors(of)) as [string, PropertyDescriptor][];
  const ways = statics.filter(([name, { value }]) => isPublic(name) && typeof value === 'function');
  return ways.map(([name]) => `${of.name}.${name}()`).join(' or ') || `a ${of.name}`;
}

const isPublic = (name: string): boolean => !name.startsWith('_');
export const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
/** Also one of another realm, as jest has them; no list, no Map and no Date, whose contents would be passed over. */
export const isPlain = (value: unknown): value is object => Object.prototype.toString.call(value) === '[object Object]';
export const hasMethod = (value: unknown, name: string): boolean =>
  isObject(value) && typeof (value as Record<string, unknown>)[name] === 'function';
