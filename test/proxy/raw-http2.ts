import { connect, type Socket } from 'node:net';
import { type Field, fieldValue } from '../../proxy/wire/field.ts';
import { FieldTable } from '../../proxy/wire/field-table.ts';
import { Flag, FrameType, frameHeaderBytes, preface, putFrameHeader, uint32 } from '../../proxy/wire/http2/frame.ts';
import { HpackDecoder } from '../../proxy/wire/http2/hpack/decoder.ts';

export { Flag, FrameType, preface };

const fields = new FieldTable(1);

export function frame(type: number, flags: number, streamId: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const bytes = new Uint8Array(frameHeaderBytes + payload.length);
  putFrameHeader(bytes, 0, type, flags, streamId, payload.length);
  bytes.set(payload, frameHeaderBytes);
  return Buffer.from(bytes);
}

export function uint32Bytes(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A literal without indexing, its name and value uncoded and below 127 bytes, or longer by a length in two bytes. */
export function literal(name: string, value: string, pattern = 0x00): Buffer {
  const length = (text: string): Buffer => {
    if (text.length < 127) return Buffer.from([text.length]);
    const bytes = [127];
    let rest = text.length - 127;
    for (; rest >= 128; rest >>>= 7) bytes.push((rest & 127) | 128);
    return Buffer.from([...bytes, rest]);
  };
  return Buffer.concat([
    Buffer.from([pattern]),
    length(name),
    Buffer.from(name, 'latin1'),
    length(value),
    Buffer.from(value, 'latin1'),
  ]);
}

/** A header block of `:method`, `:scheme`, `:path`, `:authority` and whatever else. */
export const requestBlock = (method: string, path: string, ...more: [string, string][]): Buffer =>
  Buffer.concat(
    (
      [[':method', method], [':scheme', 'http'], [':path', path], [':authority', 'a.test'], ...more] as [
        string,
        string,
      ][]
    ).map(([name, value]) => literal(name, value)),
  );

export const settings = (...entries: [id: number, value: number][]): Buffer =>
  frame(
    FrameType.settings,
    0,
    0,
    Buffer.concat(entries.map(([id, value]) => Buffer.concat([Buffer.from([0, id]), uint32Bytes(value)]))),
  );

export interface SeenFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** An HTTP/2 client that sends what it is told to, byte by byte, and remembers what comes. */
export class RawHttp2 {
  readonly socket: Socket;
  readonly frames: SeenFrame[] = [];
  private held = Buffer.alloc(0);
  closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => this.take(chunk as Buffer));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
    });
  }

  /** Connects, from an address of this host, and sends the preface with `first` behind it. */
  static connect(port: number, first: Buffer = settings(), localAddress = '127.0.0.1'): Promise<RawHttp2> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', localAddress }, () => {
        resolve(RawHttp2.over(socket, first));
      });
      socket.once('error', reject);
    });
  }

  /** Speaks over a connection that is there already. */
  static over(socket: Socket, first: Buffer = settings()): RawHttp2 {
    const client = new RawHttp2(socket);
    socket.write(Buffer.concat([preface, first]));
    return client;
  }

  /** Resolves when the bytes have left, or the connection has ended. */
  send(...bytes: Uint8Array[]): Promise<void> {
    if (this.closed) return Promise.resolve();
    return new Promise((resolve) => {
      this.socket.once('close', resolve);
      this.socket.write(Buffer.concat(bytes), () => {
        this.socket.off('close', resolve);
        resolve();
      });
    });
  }

  /** The code of the GOAWAY that came, if one did. */
  get goAway(): number | undefined {
    const found = this.frames.findLast(({ type }) => type === FrameType.goAway);
    return found && uint32(found.payload, 4);
  }

  /** The code that a stream was reset with, if it was. */
  resetOf(streamId: number): number | undefined {
    const found = this.frames.find((seen) => seen.type === FrameType.rstStream && seen.streamId === streamId);
    return found && uint32(found.payload, 0);
  }

  /** The statuses of the responses so far, in their order. */
  statuses(): (string | undefined)[] {
    const decoder = new HpackDecoder(fields);
    return this.frames
      .filter(({ type }) => type === FrameType.headers)
      .map(({ payload }) => {
        const found: Field[] = [];
        decoder.decode(payload, 0, payload.length, found, 1 << 20);
        return fieldValue(found, ':status');
      });
  }

  count(type: number): number {
    return this.frames.filter((seen) => seen.type === type).length;
  }

  close(): void {
    this.socket.destroy();
  }

  private take(chunk: Buffer): void {
    this.held = Buffer.concat([this.held, chunk]);
    while (this.held.length >= frameHeaderBytes) {
      const end = frameHeaderBytes + this.held.readUIntBE(0, 3);
      if (this.held.length < end) return;
      this.frames.push({
        type: this.held[3],
        flags: this.held[4],
        streamId: this.held.readUInt32BE(5) & 0x7fffffff,
        payload: this.held.subarray(frameHeaderBytes, end),
      });
      this.held = this.held.subarray(end);
    }
  }
}
