/**
 * Bounds of what a custom object may say: whoever may write in one namespace chooses it, and components, validators and
 * proxies read it again and again. Definitions of kinds say the same in their schemas; objects of before, and those of a
 * cluster whose definitions are older, are held to it here. Far beyond what is ever meant.
 */
export const bounds = { characters: 4096, items: 4096, fields: 1024, depth: 32 } as const;

/** The first place of a value that is beyond a bound: `spec.networks[3].cidr has 100000 characters, more than 4096`. */
export function beyondBounds(value: unknown, path: string, depth = 0): string | undefined {
  if (typeof value === 'string') {
    return value.length <= bounds.characters ? undefined : beyond(path, value.length, 'characters');
  }
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth >= bounds.depth) return `${path} stands more than ${bounds.depth} fields deep`;
  if (Array.isArray(value)) {
    if (value.length > bounds.items) return beyond(path, value.length, 'items');
    for (const [index, item] of value.entries()) {
      const found = beyondBounds(item, `${path}[${index}]`, depth + 1);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  const names = Object.keys(value);
  if (names.length > bounds.fields) return beyond(path, names.length, 'fields');
  for (const name of names) {
    if (name.length > bounds.characters) return beyond(`a name in ${path}`, name.length, 'characters');
    const found = beyondBounds((value as Record<string, unknown>)[name], `${path}.${name}`, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

const beyond = (path: string, count: number, what: 'characters' | 'items' | 'fields'): string =>
  `${path} has ${count} ${what}, more than ${bounds[what]}`;
