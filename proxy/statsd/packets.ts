/** Puts lines into packets of at most `mostBytes`: a datagram that does not fit the network's frames is lost as a whole. */
export class Packets {
  private readonly mostBytes: number;
  private lines: string[] = [];
  private bytes = 0;

  constructor(mostBytes: number) {
    this.mostBytes = mostBytes;
  }

  /** A packet that is full now, without `line`; undefined while there is room. `line` is ASCII. */
  add(line: string): string | undefined {
    const isFull = this.bytes > 0 && this.bytes + 1 + line.length > this.mostBytes;
    const full = isFull ? this.take() : undefined;
    this.bytes += line.length + (this.lines.length > 0 ? 1 : 0);
    this.lines.push(line);
    return full;
  }

  /** What there is; undefined when that is nothing. */
  take(): string | undefined {
    const packet = this.lines.length === 0 ? undefined : this.lines.join('\n');
    this.lines = [];
    this.bytes = 0;
    return packet;
  }
}
