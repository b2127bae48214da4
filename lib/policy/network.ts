import { cidrContains, parseCidr } from '../contract/cidr.ts';
import type { NetworkMatch } from '../kinds/schema.ts';
import { checkProps } from '../props/check-props.ts';
import { either, form, instance, listOf, needed, text } from '../props/form.ts';

/** Addresses that clients call from, or that are called. */
export class Network {
  /**
   * A network such as `10.0.0.0/8`, or one address, but for parts of it. Throws for what is none, and for an exception that
   * is not a part of it or leaves nothing of it.
   */
  static cidr(cidr: string, ...except: string[]): Network {
    checkProps({ cidr: needed(text), except: needed(listOf(text)) }, { cidr, except });
    const outer = parseCidr(cidr);
    if (outer === undefined) throw new Error(`'cidr' (${cidr}) must be an address or a network such as 10.0.0.0/8`);
    for (const text of except) {
      const inner = parseCidr(text);
      if (inner === undefined)
        throw new Error(`'except' (${text}) must be an address or a network such as 10.1.0.0/16`);
      if (cidrContains(inner, outer)) throw new Error(`'except' (${text}) leaves nothing of ${cidr}: leave both out`);
      if (!cidrContains(outer, inner)) throw new Error(`'except' (${text}) must lie inside ${cidr}`);
    }
    return new Network([except.length === 0 ? { cidr } : { cidr, except }]);
  }

  /** Every address, of IPv4 and IPv6. */
  static everywhere(): Network {
    return new Network([{ cidr: '0.0.0.0/0' }, { cidr: '::/0' }]);
  }

  private readonly matches: readonly NetworkMatch[];

  private constructor(matches: readonly NetworkMatch[]) {
    this.matches = matches;
  }

  /** @internal As the objects of policy have it. */
  get _matches(): readonly NetworkMatch[] {
    return this.matches;
  }
}

/** A prop that names networks, which may be written as text. */
export const networksForm = listOf(
  either(
    instance(() => Network),
    form(
      'an address or a network such as 10.0.0.0/8',
      (value) => typeof value === 'string' && parseCidr(value) !== undefined,
    ),
  ),
);

/** The networks of some, which may be written as text. */
export const networksOf = (networks: readonly (Network | string)[]): NetworkMatch[] =>
  networks.flatMap((network) => (typeof network === 'string' ? Network.cidr(network) : network)._matches);
