import type { KeptBytes } from '../exchange/request-body.ts';

const firstBytes = 256;
const nothing = new Uint8Array(0);

/** The first bytes of a body, up to `limit`, in room that is shared: what finds none is not copied. */
export class BodyCopy {
  /** Bytes of the body that have come, copied or not. */
  length = 0;
  /** There was no room for a byte that was to be copied: none is copied after it. */
  noRoom = false;
  private readonly limit: number;
  private readonly room: KeptBytes;
  private bytes: Uint8Array = nothing;
  private used = 0;

  constructor(limit: number, room: KeptBytes) {
    this.limit = limit;
    this.room = room;
  }

  /** As much is copied as is to be; never true of a copy of nothing. */
  get full(): boolean {
    return this.limit > 0 && this.used === this.limit;
  }

  /** Bytes have come that were not copied. */
  get cut(): boolean {
    return this.length > this.used;
  }

  push(chunk: Uint8Array): void {
    this.length += chunk.length;
    const more = Math.min(chunk.length, this.limit - this.used);
    if (more === 0 || this.noRoom) return;
    if (this.used + more > this.bytes.length && !this.grow(this.used + more)) {
      this.noRoom = true;
      return;
    }
    this.bytes.set(more === chunk.length ? chunk : chunk.subarray(0, more), this.used);
    this.used += more;
  }

  /** What was copied, which is no longer held here. */
  take(): Uint8Array {
    const taken = this.bytes.subarray(0, this.used);
    this.room.used -= this.bytes.length;
    this.bytes = nothing;
    this.used = 0;
    return taken;
  }

  private grow(needed: number): boolean {
    const { bytes, room } = this;
    const size = Math.min(this.limit, Math.max(needed, bytes.length * 2, firstBytes));
    if (room.used + size - bytes.length > room.limitBytes) return false;
    room.used += size - bytes.length;
    this.bytes = new Uint8Array(size);
    this.bytes.set(bytes);
    return true;
  }
}
