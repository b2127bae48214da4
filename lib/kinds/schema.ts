/** Short forms for the OpenAPI v3 schemas of custom resources. */

export interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly [keyword: string]: unknown;
  readonly [says]?: string;
  readonly [sameAs]?: () => Schema;
}

/** What a pattern asks for, in words. Definitions have no place for it: symbols are not written into them. */
export const says: unique symbol = Symbol('says');
/** The schema of a value that holds values of its own kind again, which definitions cannot say. */
export const sameAs: unique symbol = Symbol('sameAs');

type Extra = Omit<Schema, 'type'>;

/**
 * Whoever may write in one namespace chooses what objects say: every text, list and map has a bound, far beyond what is
 * ever meant, where its field has none of its own.
 */
const most = { characters: 4096, items: 4096, fields: 1024 } as const;

export const text = (extra: Extra = {}): Schema => ({ type: 'string', maxLength: most.characters, ...extra });
export const oneOf = (...values: string[]): Schema => ({ type: 'string', enum: values });
export const flag = (extra: Extra = {}): Schema => ({ type: 'boolean', ...extra });
export const integer = (minimum: number, maximum?: number, extra: Extra = {}): Schema => ({
  type: 'integer',
  format: 'int32',
  minimum,
  ...(maximum === undefined ? {} : { maximum }),
  ...extra,
});
export const wholeNumber: Schema = { type: 'integer' };
export const list = (items: Schema, extra: Extra = {}): Schema => ({
  type: 'array',
  items,
  maxItems: most.items,
  ...extra,
});
export const map = (values: Schema): Schema => ({
  type: 'object',
  additionalProperties: values,
  maxProperties: most.fields,
});

/** An object; a name that ends with `*` is required. */
export function object(fields: Readonly<Record<string, Schema>>, extra: Extra = {}): Schema {
  const required = Object.keys(fields)
    .filter((name) => name.endsWith('*'))
    .map((name) => name.slice(0, -1));
  return {
    type: 'object',
    ...extra,
    ...(required.length > 0 ? { required } : {}),
    properties: Object.fromEntries(Object.entries(fields).map(([name, schema]) => [name.replace(/\*$/, ''), schema])),
  };
}

export const portNumber = integer(1, 65_535);
export const kubernetesName = text({ minLength: 1, maxLength: 253 });

export interface NetworkMatch {
  readonly cidr: string;
  readonly except?: readonly string[];
}
/** An IPv6 network in its longest form has 43 characters. */
const cidr = text({ minLength: 1, maxLength: 64 });
export const network = object({ 'cidr*': cidr, except: list(cidr) });

/** metav1.LabelSelector */
export const labelSelector = object({
  matchLabels: map(text()),
  matchExpressions: list(
    object({ 'key*': text(), 'operator*': oneOf('In', 'NotIn', 'Exists', 'DoesNotExist'), values: list(text()) }),
  ),
});

export interface ObjectRef {
  readonly group?: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}
/** A reference to an object, in the namespace of the referrer unless it may say another. */
export const reference = (extra: Readonly<Record<string, Schema>> = {}): Schema =>
  object({
    group: text({ maxLength: 253 }),
    'kind*': text({ minLength: 1, maxLength: 63 }),
    'name*': kubernetesName,
    ...extra,
  });

/** metav1.Condition, as controllers write it into `status`. */
export const condition = object({
  'type*': text({ maxLength: 316 }),
  'status*': oneOf('True', 'False', 'Unknown'),
  'reason*': text({ minLength: 1, maxLength: 1024 }),
  message: text({ maxLength: 32_768 }),
  'lastTransitionTime*': text({ format: 'date-time' }),
  observedGeneration: { type: 'integer', format: 'int64', minimum: 0 },
});
