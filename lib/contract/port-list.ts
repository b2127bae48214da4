import { type Form, longest } from './form.ts';

/** One entry of a list of ports: a port, a range (both ends included) or the name of a container port. */
export type PortEntry = { readonly from: number; readonly to: number } | { readonly name: string };

/** RFC 6335: at most 15 characters, one of them a letter. So `33060000` is a mistake, and no name. */
const portName = /^(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$/;

/**
 * Reads `25,4000-4100,mysql`. Undefined when an entry is neither a port, a rising range nor (if allowed) a name, and for
 * a list longer than any that is meant.
 */
export function parsePorts(text: string, names: 'names' | 'numbers'): PortEntry[] | undefined {
  if (text.length > longest.list) return undefined;
  const entries: PortEntry[] = [];
  for (const raw of text.split(',')) {
    const part = raw.trim();
    if (part === '') continue;
    const range = /^(\d{1,5})(?:\s*-\s*(\d{1,5}))?$/.exec(part);
    if (range) {
      const from = Number(range[1]);
      const to = Number(range[2] ?? range[1]);
      if (from < 1 || to > 65_535 || to < from) return undefined;
      entries.push({ from, to });
    } else if (names === 'names' && portName.test(part)) {
      entries.push({ name: part });
    } else {
      return undefined;
    }
  }
  return entries;
}

export const portList: Form<PortEntry[]> = {
  read: (text) => parsePorts(text, 'numbers'),
  expected: 'ports and ranges such as 25,4000-4100',
};

export const namedPortList: Form<PortEntry[]> = {
  read: (text) => parsePorts(text, 'names'),
  expected: 'ports, ranges and names of container ports such as 25,4000-4100,mysql',
};

export function formatPorts(entries: readonly PortEntry[]): string {
  return entries
    .map((entry) =>
      'name' in entry ? entry.name : entry.from === entry.to ? `${entry.from}` : `${entry.from}-${entry.to}`,
    )
    .join(',');
}

/** Whether a list has a port by its number; with `name`, also by its name. */
export function containsPort(entries: readonly PortEntry[], port: number, name?: string): boolean {
  return entries.some((entry) => ('name' in entry ? entry.name === name : entry.from <= port && port <= entry.to));
}

/** Ports by number, range or name. */
export class PortSet {
  private readonly entries: readonly PortEntry[];

  constructor(entries: readonly PortEntry[]) {
    this.entries = entries;
  }

  has(port: number, name?: string): boolean {
    return containsPort(this.entries, port, name);
  }
}

/** The ports of a list; undefined as for `parsePorts`. */
export function parsePortSet(text: string, names: 'names' | 'numbers' = 'names'): PortSet | undefined {
  const entries = parsePorts(text, names);
  return entries && new PortSet(entries);
}
