/** Checks under way at a time in a process, and bytes of them. */
const most = { checks: 1000, bytes: 16 * 1024 * 1024 };
/** Of a client without an identity: nobody vouches that it is not one of many. */
const mostOfAddress = 250;
/**
 * A client may have so many times what is free. Alone it has three quarters, two that take all they can get three sevenths
 * each, ten have a thirtieth of the whole left for the next: there is always room for another (Choudhury and Hahne, "Dynamic
 * Queue Length Thresholds for Shared-Memory Packet Switches", 1998).
 */
const timesFree = 3;

interface Held {
  checks: number;
  bytes: number;
}

/** Why a check is not made: its client has as many as it may, or all clients together have. */
export type CheckRefusal = 'share' | 'overload';

/** Who has how many of the checks that a process makes at a time: none has all, and the more there are the less each. */
export class CheckShares {
  private readonly all: Held = { checks: 0, bytes: 0 };
  /** By identity, or else by address. */
  private readonly byClient = new Map<string, Held>();

  get checks(): number {
    return this.all.checks;
  }

  /** Whether a client has all that it may have, before one more of `bytes`. `isMeshed`: `client` is an identity. */
  isSpent(client: string, isMeshed: boolean, bytes: number): boolean {
    const { all } = this;
    const held = this.byClient.get(client);
    if (held === undefined) return false;
    if (!isMeshed && held.checks >= mostOfAddress) return true;
    if (held.checks + 1 > timesFree * (most.checks - all.checks - 1)) return true;
    return held.bytes + bytes > timesFree * (most.bytes - all.bytes - bytes);
  }

  /** Takes one of `bytes`, until it is given back, or says why not. */
  take(client: string, isMeshed: boolean, bytes: number): CheckRefusal | undefined {
    if (this.isSpent(client, isMeshed, bytes)) return 'share';
    const { all } = this;
    if (all.checks + 1 > most.checks || all.bytes + bytes > most.bytes) return 'overload';
    all.checks++;
    all.bytes += bytes;
    const held = this.byClient.get(client);
    if (held === undefined) this.byClient.set(client, { checks: 1, bytes });
    else {
      held.checks++;
      held.bytes += bytes;
    }
    return undefined;
  }

  giveBack(client: string, bytes: number): void {
    const { all, byClient } = this;
    all.checks--;
    all.bytes -= bytes;
    const held = byClient.get(client);
    if (held === undefined) return;
    held.checks--;
    held.bytes -= bytes;
    if (held.checks === 0) byClient.delete(client);
  }
}
