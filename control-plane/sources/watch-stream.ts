import type { Readable } from 'node:stream';

/** Splits what comes in chunks into lines, whatever the chunks are. */
export class LineSplitter {
  private readonly maxLineBytes: number;
  private pending: Buffer[] = [];
  private pendingBytes = 0;

  constructor(maxLineBytes: number) {
    this.maxLineBytes = maxLineBytes;
  }

  /** The lines that are whole by now, without their ends; empty ones are left out. Throws when one grows too long. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(0x0a, start);
      const part = chunk.subarray(start, end < 0 ? undefined : end);
      this.pendingBytes += part.length;
      if (this.pendingBytes > this.maxLineBytes) throw new Error(`a line has more than ${this.maxLineBytes} bytes`);
      if (part.length > 0) this.pending.push(part);
      if (end < 0) return lines;
      // Joined before they are decoded: a character may stand in two chunks.
      if (this.pendingBytes > 0) lines.push(Buffer.concat(this.pending, this.pendingBytes).toString('utf8'));
      this.pending = [];
      this.pendingBytes = 0;
      start = end + 1;
    }
  }
}

/** Nothing came on a watch for longer than the server ever stays silent. */
export class SilentWatch extends Error {}

export interface WatchLimits {
  /** A watch on which nothing has come for this long is dropped. */
  readonly silenceMs: number;
  readonly maxLineBytes: number;
}

/**
 * The lines of a watch. Ends when the server ends it; throws when the connection breaks, and a SilentWatch when it is
 * there but dead: a peer that is gone without a word looks just like a quiet one.
 */
export async function* watchLines(response: Readable, limits: WatchLimits): AsyncGenerator<string> {
  const splitter = new LineSplitter(limits.maxLineBytes);
  const timer = setTimeout(() => {
    response.destroy(new SilentWatch(`nothing came for ${limits.silenceMs} ms`));
  }, limits.silenceMs);
  try {
    for await (const chunk of response) {
      timer.refresh();
      yield* splitter.push(chunk as Buffer);
    }
  } finally {
    clearTimeout(timer);
    response.destroy();
  }
}
