import { parseSample, type Sample } from './exposition.ts';

export interface ExpositionBounds {
  /** Default 64 KiB: a real line has some hundred bytes. */
  readonly maxLineBytes?: number;
  /** Of the whole text. Default 64 MiB: a proxy tells half a MiB for ten dependencies of three endpoints. */
  readonly maxBytes?: number;
}

export interface WantedSamples {
  /** Names of metrics; lines of others are not even decoded. */
  readonly metrics: Iterable<string>;
  /** Texts, each of which must stand in a line: what is looked for before its labels are read. */
  readonly texts?: readonly string[];
}

const newline = 10;
/** What may stand behind a metric's name: `{`, a space, a tab. */
const afterName = new Set([123, 32, 9]);

/**
 * Reads the Prometheus text format as its bytes come, line by line, and holds no more of it than the line that is not
 * complete. Lines that are no samples are passed over.
 */
export class ExpositionReader {
  private readonly names: readonly Uint8Array[];
  private readonly texts: readonly string[];
  private readonly onSample: (sample: Sample, line: string) => void;
  private readonly maxLineBytes: number;
  private readonly maxBytes: number;
  private readonly decoder = new TextDecoder();
  private bytes = 0;
  private held = new Uint8Array(0);
  private heldBytes = 0;

  /** `onSample` is told each wanted sample with its line; what it throws, `push` and `end` throw. */
  constructor(
    wanted: WantedSamples,
    onSample: (sample: Sample, line: string) => void,
    { maxLineBytes = 64 * 1024, maxBytes = 64 * 1024 * 1024 }: ExpositionBounds = {},
  ) {
    const encoder = new TextEncoder();
    this.names = [...wanted.metrics].map((name) => encoder.encode(name));
    this.texts = wanted.texts ?? [];
    this.onSample = onSample;
    this.maxLineBytes = maxLineBytes;
    this.maxBytes = maxBytes;
  }

  /** Throws an Error when the text is larger than the bounds: then nothing of it counts. */
  push(chunk: Uint8Array): void {
    this.bytes += chunk.length;
    if (this.bytes > this.maxBytes) throw new Error(`gave more than ${this.maxBytes} bytes of metrics`);
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      if (this.heldBytes === 0) this.line(chunk.subarray(start, end));
      else {
        this.hold(chunk.subarray(start, end));
        this.line(this.held.subarray(0, this.heldBytes));
        this.heldBytes = 0;
      }
      start = end + 1;
    }
    this.hold(chunk.subarray(start));
  }

  /** The text is over: its last line may have no end. */
  end(): void {
    this.line(this.held.subarray(0, this.heldBytes));
    this.heldBytes = 0;
  }

  private hold(part: Uint8Array): void {
    const size = this.heldBytes + part.length;
    if (size > this.maxLineBytes) throw new Error(`gave a line of more than ${this.maxLineBytes} bytes`);
    if (size > this.held.length) {
      const larger = new Uint8Array(2 * size);
      larger.set(this.held.subarray(0, this.heldBytes));
      this.held = larger;
    }
    this.held.set(part, this.heldBytes);
    this.heldBytes = size;
  }

  private line(bytes: Uint8Array): void {
    if (bytes.length > this.maxLineBytes) throw new Error(`gave a line of more than ${this.maxLineBytes} bytes`);
    if (!this.names.some((name) => startsWith(bytes, name))) return;
    const line = this.decoder.decode(bytes);
    if (!this.texts.every((text) => line.includes(text))) return;
    const sample = parseSample(line);
    if (sample !== undefined) this.onSample(sample, line);
  }
}

function startsWith(line: Uint8Array, name: Uint8Array): boolean {
  if (line.length <= name.length) return false;
  for (let i = 0; i < name.length; i++) if (line[i] !== name[i]) return false;
  return afterName.has(line[name.length]);
}
