import type { Http2Stream } from './http2-stream.ts';

const initialSlots = 64;

/**
 * The open streams of a connection by id: linear probing over a power of two of slots, at most half of them full.
 *
 *     slots  [ . . 7 9 11 . . . ]      index = (id >> 1) & mask: ids of one side are consecutive odd or even numbers
 *
 * Not a Map, whose table is made anew again and again as streams come and go. A table that was left behind leads to the
 * next one, so the garbage collector's short cycles take all streams since the oldest of them for live ones: half of what
 * they looked at was dead.
 */
export class StreamMap {
  private slots: (Http2Stream | undefined)[] = new Array(initialSlots).fill(undefined);
  private mask = initialSlots - 1;
  size = 0;

  get(id: number): Http2Stream | undefined {
    const { slots, mask } = this;
    let at = (id >>> 1) & mask;
    for (;;) {
      const stream = slots[at];
      if (stream === undefined || stream.id === id) return stream;
      at = (at + 1) & mask;
    }
  }

  /** Adds a stream whose id is not there yet. */
  add(stream: Http2Stream): void {
    if (this.size * 2 >= this.slots.length) this.grow();
    this.place(stream);
    this.size++;
  }

  /** Returns whether it was there. */
  delete(id: number): boolean {
    const { slots, mask } = this;
    let hole = (id >>> 1) & mask;
    for (;;) {
      const stream = slots[hole];
      if (stream === undefined) return false;
      if (stream.id === id) break;
      hole = (hole + 1) & mask;
    }
    this.size--;
    // Those behind it that would have stood in the hole, or before it, move up, so that no probe ends too early.
    let at = hole;
    for (;;) {
      at = (at + 1) & mask;
      const stream = slots[at];
      if (stream === undefined) break;
      const home = (stream.id >>> 1) & mask;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      slots[hole] = stream;
      hole = at;
    }
    slots[hole] = undefined;
    return true;
  }

  clear(): void {
    this.slots.fill(undefined);
    this.size = 0;
  }

  /** All streams as of now; what happens to them meanwhile changes nothing of it. */
  values(): Http2Stream[] {
    return this.slots.filter((stream) => stream !== undefined);
  }

  private place(stream: Http2Stream): void {
    const { slots, mask } = this;
    let at = (stream.id >>> 1) & mask;
    while (slots[at] !== undefined) at = (at + 1) & mask;
    slots[at] = stream;
  }

  private grow(): void {
    const streams = this.values();
    this.mask = this.slots.length * 2 - 1;
    this.slots = new Array(this.mask + 1).fill(undefined);
    for (const stream of streams) this.place(stream);
  }
}
