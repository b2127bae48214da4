/** A value as TypeScript says it: what props are made of before they are written. */
export type Expression =
  | { readonly kind: 'literal'; readonly value: string | number | boolean }
  | { readonly kind: 'list'; readonly items: readonly Expression[] }
  | { readonly kind: 'object'; readonly fields: ReadonlyMap<string, Expression> }
  /** A static factory: `Duration.seconds(20)`. */
  | { readonly kind: 'call'; readonly owner: string; readonly factory: string; readonly args: readonly Expression[] };

export const literal = (value: string | number | boolean): Expression => ({ kind: 'literal', value });
export const list = (items: readonly Expression[]): Expression => ({ kind: 'list', items });
export const call = (owner: string, factory: string, ...args: readonly Expression[]): Expression => ({
  ...{ kind: 'call', owner, factory, args },
});

/** Props as they are collected: `proxy.logLevel` is the field of a field. */
export class Props {
  private readonly fields = new Map<string, Expression>();

  set(path: string, value: Expression): void {
    const [field, ...rest] = path.split('.');
    if (rest.length === 0) {
      this.fields.set(field, value);
      return;
    }
    const inner = this.fields.get(field);
    const nested = new Props();
    if (inner?.kind === 'object') for (const [name, each] of inner.fields) nested.fields.set(name, each);
    nested.set(rest.join('.'), value);
    this.fields.set(field, nested.expression);
  }

  has(path: string): boolean {
    const [field, ...rest] = path.split('.');
    const found = this.fields.get(field);
    if (found === undefined || rest.length === 0) return found !== undefined;
    return found.kind === 'object' && found.fields.has(rest.join('.'));
  }

  get isEmpty(): boolean {
    return this.fields.size === 0;
  }

  get expression(): Expression {
    return { kind: 'object', fields: new Map(this.fields) };
  }
}
