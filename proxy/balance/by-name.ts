import { hashText } from './rendezvous.ts';

/** Members by the hash of their names: a key is that of the one that it belongs to, and of no other. */
export class ByName<T> {
  private byHash = new Map<number, T>();

  /** `nameOf` gives what tells members apart. */
  replace(members: readonly T[], nameOf: (member: T) => string): void {
    this.byHash = new Map(members.map((member) => [hashText(nameOf(member)), member]));
  }

  /** The member that the key `hash` is of, if it `mayHave` it. */
  pick(hash: number, mayHave: (member: T) => boolean): T | undefined {
    const member = this.byHash.get(hash);
    return member !== undefined && mayHave(member) ? member : undefined;
  }
}
