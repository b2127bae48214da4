/**
 * An object of @kubernetes/client-node's types as it stands in an answer: times are text there, of which client-node's own
 * reader makes dates, and fields that are words of the language have their own names (`continue`, not `_continue`). Only
 * the types are of client-node, which loads too much for a component (docs/decisions/0019).
 */
export type InJson<T> = T extends Date
  ? string
  : T extends readonly (infer Element)[]
    ? readonly InJson<Element>[]
    : T extends object
      ? { readonly [Field in keyof T as Field extends `_${infer Name}` ? Name : Field]: InJson<T[Field]> }
      : T;

/** One that an API server holds, and so has named. */
export type Stored<T> = InJson<T> & { readonly metadata: { readonly name: string } };
