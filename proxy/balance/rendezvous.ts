/** What keys are given to. */
export interface Member {
  /** Relative share of the keys, at least 1. */
  readonly weight: number;
}

/** 32 bits of a text (FNV-1a, and the last step of MurmurHash3, which spreads what FNV leaves near each other). */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mixed(hash);
}

function mixed(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * Rendezvous hashing (Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates"): each key has an order
 * of all members, and belongs to the first of them that may have it.
 *
 * The order of two members depends on their names and the key alone. So all who know the same members agree; one that
 * goes moves only its own keys, to all of the others alike; one that comes takes only those that are its own from now on.
 * What may have a key is asked when the key comes: a member that is away for a while costs no new table.
 *
 * A key costs a step for each member: see docs/decisions/0017-affinity-by-rendezvous.md for why that is cheaper than a
 * ring or Maglev's table here.
 */
export class Rendezvous<T extends Member> {
  /** Another will do nearly as well, and the key is back as soon as the first may have it. */
  readonly patienceMs = 200;
  private members: readonly T[] = [];
  private seeds = new Uint32Array(0);
  private isEven = true;

  /** `nameOf` gives what tells members apart, and is the same for a member as long as it is one. */
  replace(members: readonly T[], nameOf: (member: T) => string): void {
    const before = this.members;
    const isSame = members.length === before.length && members.every((member, i) => member === before[i]);
    this.members = members;
    if (!isSame) this.seeds = Uint32Array.from(members, (member) => hashText(nameOf(member)));
    this.isEven = members.every(({ weight }) => weight === members[0].weight);
  }

  /** The first in the order of the key `hash` that `mayHave` it. */
  pick(hash: number, mayHave: (member: T) => boolean): T | undefined {
    const { members, seeds, isEven } = this;
    let best = Number.NEGATIVE_INFINITY;
    let picked: T | undefined;
    for (let i = 0; i < members.length; i++) {
      const drawn = mixed(hash ^ seeds[i]);
      // The logarithm is what has a member of twice the weight come first twice as often (Schindelhauer and Schomaker).
      const rank = isEven ? drawn : Math.max(1, members[i].weight) / -Math.log((drawn + 0.5) / 2 ** 32);
      if (rank > best && mayHave(members[i])) {
        best = rank;
        picked = members[i];
      }
    }
    return picked;
  }
}
