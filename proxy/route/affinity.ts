import type { AffinityKey } from '../model/affinity.ts';
import { fieldValue } from '../wire/field.ts';
import type { RequestHead } from '../wire/stream.ts';

/** The key of a request that came from `source`; undefined where it has none, and so does one that is empty. */
export function keyOf(key: AffinityKey, head: RequestHead, source: string): string | undefined {
  switch (key.kind) {
    case 'header':
      return fieldValue(head.fields, key.name) || undefined;
    case 'cookie':
      return cookieOf(head, key.name);
    case 'query':
      return parameterOf(head.path, key.name);
    case 'source':
      return source;
  }
}

/** The first cookie of that name. HTTP/2 has one field for each, where it likes (RFC 9113 section 8.2.3). */
export function cookieOf({ fields }: RequestHead, name: string): string | undefined {
  for (let i = 0; i < fields.length; i++) {
    if (fields[i].name !== 'cookie') continue;
    const value = pairOf(fields[i].value, 0, ';', name);
    if (value !== undefined) return unquoted(value) || undefined;
  }
  return undefined;
}

/** As it is written: whoever writes the same parameter in two ways has two keys. */
function parameterOf(path: string, name: string): string | undefined {
  const mark = path.indexOf('?');
  return mark < 0 ? undefined : pairOf(path, mark + 1, '&', name) || undefined;
}

/** The value of the first `name=value` from `start` on, of those that stand between `separator`s. */
function pairOf(text: string, start: number, separator: string, name: string): string | undefined {
  let from = start;
  while (from < text.length) {
    let end = text.indexOf(separator, from);
    if (end < 0) end = text.length;
    while (text[from] === ' ' && from < end) from++;
    const value = from + name.length + 1;
    if (value <= end && text[value - 1] === '=' && text.startsWith(name, from)) return text.slice(value, end).trim();
    from = end + 1;
  }
  return undefined;
}

const unquoted = (value: string): string =>
  value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
