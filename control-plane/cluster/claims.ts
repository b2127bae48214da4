/**
 * Which objects say that an address is theirs. Two may for a while: an address is given to a new pod before the end of
 * the old one is told.
 */
export class Claims {
  private readonly owners = new Map<string, string[]>();
  private readonly addresses = new Map<string, readonly string[]>();

  /** Those that claim an address, the latest to do so last; a change of an older claimant does not make it later. */
  ownersOf(address: string): readonly string[] {
    return this.owners.get(address) ?? [];
  }

  /** Replaces what `owner` claims. Returns the addresses that it claimed before or claims now. */
  set(owner: string, addresses: readonly string[]): Set<string> {
    const before = this.addresses.get(owner) ?? [];
    const kept = new Set(addresses);
    for (const address of before) if (!kept.has(address)) this.release(owner, address);
    for (const address of kept) {
      const owners = this.owners.get(address);
      if (owners === undefined) this.owners.set(address, [owner]);
      else if (!owners.includes(owner)) owners.push(owner);
    }
    if (kept.size === 0) this.addresses.delete(owner);
    else this.addresses.set(owner, [...kept]);
    return new Set([...before, ...kept]);
  }

  private release(owner: string, address: string): void {
    const left = this.owners.get(address)?.filter((claimant) => claimant !== owner) ?? [];
    if (left.length === 0) this.owners.delete(address);
    else this.owners.set(address, left);
  }
}
