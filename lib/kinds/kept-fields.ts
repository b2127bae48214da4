import type { KubernetesObject } from './kubernetes-object.ts';

/**
 * How a field is kept by what holds objects in memory:
 *
 * - `any`: the value as it is. Custom kinds: what they may say is checked apart.
 * - `text`, `number`, `flag`: of that type; `port`: a number, or a name.
 * - `shared`: a text that many objects have, which is kept once in memory.
 * - `texts`: a list of texts. `labels`, `annotations`: a map of texts, of which labels are shared.
 * - `[fields]`: a list of them. A function: what it gives; `share` makes a text that many objects have one in memory.
 */
export type Leaf =
  | 'any'
  | 'text'
  | 'number'
  | 'flag'
  | 'port'
  | 'shared'
  | 'texts'
  | 'labels'
  | 'annotations'
  | ((value: unknown, share: (text: string) => string) => unknown);

/** What of a value is kept. The compiler refuses a field of `T` that is not named. */
export type FieldsOf<T> = T extends readonly (infer Item)[]
  ? Leaf | readonly [FieldsOf<Item>]
  : T extends object
    ? Leaf | { readonly [Field in keyof T]-?: FieldsOf<NonNullable<T[Field]>> }
    : Leaf;

/** The same of a value of any type. */
export type Fields = Leaf | readonly [Fields] | { readonly [field: string]: Fields };

/** What is kept of an object besides its metadata, of which all kinds keep the same. */
export type KeptOf<T extends KubernetesObject> = FieldsOf<Omit<T, keyof KubernetesObject>>;
