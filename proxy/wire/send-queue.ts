const blockBytes = 4 * 1024;

/**
 * Body bytes that wait to be sent, in order. Small chunks are gathered into blocks: were each kept by itself, a peer
 * that sends single bytes would make every one cost a hundred.
 */
export class SendQueue {
  private blocks: Uint8Array[] = [];
  /** Bytes of the last block that are in use; those before it are full. */
  private tail = 0;
  /** Bytes of the first block that are gone already. */
  private start = 0;

  get empty(): boolean {
    return this.blocks.length === 0;
  }

  /** Copies `chunk[from, ...)` to the end. */
  push(chunk: Uint8Array, from = 0): void {
    let at = from;
    const last = this.blocks.length - 1;
    if (last >= 0) {
      const room = this.blocks[last].length - this.tail;
      const count = Math.min(room, chunk.length - at);
      if (count > 0) {
        this.blocks[last].set(chunk.subarray(at, at + count), this.tail);
        this.tail += count;
        at += count;
      }
    }
    if (at >= chunk.length) return;
    const block = new Uint8Array(Math.max(blockBytes, chunk.length - at));
    block.set(chunk.subarray(at));
    this.blocks.push(block);
    this.tail = chunk.length - at;
  }

  /** What comes next; call `drop` with how much of it was taken. The queue must not be empty. */
  peek(): Uint8Array {
    const block = this.blocks[0];
    return block.subarray(this.start, this.blocks.length === 1 ? this.tail : block.length);
  }

  /** True when `peek` gives all there is. */
  get atLast(): boolean {
    return this.blocks.length <= 1;
  }

  drop(bytes: number): void {
    this.start += bytes;
    const end = this.blocks.length === 1 ? this.tail : this.blocks[0].length;
    if (this.start < end) return;
    this.blocks.shift();
    this.start = 0;
    if (this.blocks.length === 0) this.tail = 0;
  }
}
