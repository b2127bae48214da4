/** Values of options as annotations have them. Each throws for one that cannot be meant, with its name, itself and the fix. */
import type { Duration, Size } from 'cdk8s';
import { isCidr } from '../contract/cidr.ts';
import type { Form } from '../contract/form.ts';

export function ports(name: string, list: readonly number[] | undefined): string | undefined {
  const wrong = list?.find((port) => !Number.isInteger(port) || port < 1 || port > 65_535);
  if (wrong !== undefined) {
    throw new Error(`'${name}' (${list?.join(', ')}) must be ports from 1 to 65535: replace ${wrong}`);
  }
  return list?.join(',');
}

export function subnets(name: string, list: readonly string[] | undefined): string | undefined {
  const wrong = list?.find((subnet) => !isCidr(subnet));
  if (wrong !== undefined) {
    throw new Error(
      `'${name}' (${list?.join(', ')}) must be networks in CIDR notation such as 10.0.0.0/8: replace ${wrong}`,
    );
  }
  return list?.join(',');
}

/** What the sidecar's own reader takes. */
export function formed<T>(
  name: string,
  value: string | number | undefined,
  { read, expected }: Form<T>,
): string | undefined {
  if (value === undefined) return undefined;
  if (read(`${value}`) === undefined) throw new Error(`'${name}' (${value}) must be ${expected}`);
  return `${value}`;
}

/** A registry, which may have a port, and a path of lower case in it. */
export function image(name: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (value.trim() === '') throw new Error(`'${name}' ('${value}') must not be empty: leave it out for the default`);
  const parts = value.split('/');
  const hasRegistry = parts.length > 1 && (/[.:]/.test(parts[0]) || parts[0] === 'localhost');
  if (hasRegistry && !/^[A-Za-z0-9][A-Za-z0-9.-]*(:\d{1,5})?$/.test(parts.shift() ?? '')) {
    throw new Error(`'${name}' (${value}) must begin with a registry such as registry.example:5000`);
  }
  const last = parts.at(-1) ?? '';
  if (/[:@]/.test(last)) {
    throw new Error(`'${name}' (${value}) must be an image without tag and digest: say those as its version`);
  }
  if (value.length > 255 || !parts.every((part) => /^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/.test(part))) {
    throw new Error(`'${name}' (${value}) must be an image such as registry.example/mesh/tulle-proxy, in lower case`);
  }
  return value;
}

export function tag(name: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (value.trim() === '') throw new Error(`'${name}' ('${value}') must not be empty: leave it out for the default`);
  if (!/^\w[\w.-]{0,127}(@sha256:[0-9a-f]{64})?$/.test(value)) {
    throw new Error(
      `'${name}' (${value}) must be a tag such as 1.2.0, of letters, digits, _, . and -, at most 128 of them; @sha256:… may follow`,
    );
  }
  return value;
}

export function millis(name: string, value: number | undefined): string | undefined {
  if (value !== undefined && (!Number.isInteger(value) || value < 1)) {
    throw new Error(`'${name}' (${value}) must be a whole number of thousandths of a core: 500 is half a core`);
  }
  return value === undefined ? undefined : `${value}m`;
}

/** At least `least` milliseconds, by default one. */
export function duration(name: string, value: Duration | undefined, least = 1): string | undefined {
  const ms = value?.toMilliseconds({ integral: false });
  if (ms === undefined) return undefined;
  if (!Number.isInteger(ms) || ms < least) {
    throw new Error(`'${name}' (${ms} ms) must be whole milliseconds, ${least} or more`);
  }
  return `${ms}ms`;
}

export function seconds(name: string, value: Duration | undefined): string | undefined {
  const found = value?.toSeconds({ integral: false });
  if (found === undefined) return undefined;
  if (!Number.isInteger(found) || found > 86_400) {
    throw new Error(`'${name}' (${found} s) must be whole seconds, a day at most`);
  }
  return `${found}`;
}

export const word = (value: boolean | undefined, yes: string, no: string): string | undefined =>
  value === undefined ? undefined : value ? yes : no;

export function notAbove(
  low: string,
  least: number | undefined,
  high: string,
  most: number | undefined,
  unit = '',
): void {
  if (least !== undefined && most !== undefined && least > most) {
    throw new Error(
      `'${low}' (${least}${unit}) must not be above '${high}' (${most}${unit}): raise the limit or ask for less`,
    );
  }
}

export const kibibytes = (size: Size | undefined): number | undefined => size?.toKibibytes();

/** No two of these are one. */
export function distinct(values: Readonly<Record<string, number | undefined>>): void {
  const seen = new Map<number, string>();
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    const other = seen.get(value);
    if (other !== undefined) {
      throw new Error(
        `'${name}' (${value}) must not be the same as '${other}' (${value}): give one of them another port`,
      );
    }
    seen.set(value, name);
  }
}

/** No port is in both lists. */
export function disjoint(
  [name, list = []]: readonly [string, readonly number[] | undefined],
  [other, others = []]: readonly [string, readonly number[] | undefined],
  reason: string,
): void {
  const both = list.find((port) => others.includes(port));
  if (both === undefined) return;
  throw new Error(
    `'${name}' (${list.join(', ')}) must have no port of '${other}' (${others.join(', ')}): ${reason}; take ${both} out of one`,
  );
}
