import type { Field } from './field.ts';

/**
 * A field's name as CGI, WSGI, Rack and PHP have it, to whom `x_user`, `x.user` and `x-user` are one, and as a field that
 * is written in the codec's lower case.
 */
export const foldName = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '-');

/** The fields without those called by one of `names`, which are folded, in any spelling; themselves where there is none. */
export function withoutNames(names: ReadonlySet<string>, fields: readonly Field[]): readonly Field[] {
  for (let i = 0; i < fields.length; i++) {
    if (isOneOf(names, fields[i].name)) return fields.filter(({ name }) => !isOneOf(names, name));
  }
  return fields;
}

function isOneOf(names: ReadonlySet<string>, name: string): boolean {
  if (names.has(name)) return true;
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    const isFolded = (code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39) || code === 0x2d;
    if (!isFolded) return names.has(foldName(name));
  }
  return false;
}
