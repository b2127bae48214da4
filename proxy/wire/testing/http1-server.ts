import { FieldTable } from '../field-table.ts';
import { Http1Server } from '../http1/server.ts';
import type { RequestHead, ServerStream, StreamHandler } from '../stream.ts';
import { ManualTurn, MemoryTransport } from './memory-transport.ts';

/** A request as a server got it; answered when a test says so. */
export class TakenRequest implements StreamHandler {
  readonly stream: ServerStream;
  readonly head: RequestHead;
  body = '';
  ended: boolean;
  resets: string[] = [];
  sentBytes = 0;

  constructor(stream: ServerStream, head: RequestHead, ended: boolean) {
    this.stream = stream;
    this.head = head;
    this.ended = ended;
  }

  onData(chunk: Uint8Array, end: boolean): void {
    this.body += Buffer.from(chunk).toString('latin1');
    this.ended = end;
    this.stream.credit(chunk.length);
  }
  onTrailers(): void {
    this.ended = true;
  }
  onSent(bytes: number): void {
    this.sentBytes += bytes;
  }
  onReset(_code: number, reason: string): void {
    this.resets.push(reason);
  }
}

/** One HTTP/1 connection served in memory, at a time that the test sets. */
export class ServedConnection {
  readonly transport = new MemoryTransport();
  readonly requests: TakenRequest[] = [];
  readonly refused: string[] = [];
  nowMs = 1000;
  private readonly turn = new ManualTurn();
  readonly server: Http1Server;

  constructor() {
    this.server = new Http1Server({
      transport: this.transport,
      turn: this.turn,
      fields: new FieldTable(1),
      nowMs: () => this.nowMs,
      onBadRequest: (reason) => this.refused.push(reason),
      onRequest: (stream, head, end) => {
        const request = new TakenRequest(stream, head, end);
        this.requests.push(request);
        return request;
      },
    });
    this.transport.handler = this.server;
  }

  /** Bytes of the client. */
  send(bytes: string | Uint8Array): void {
    this.server.onBytes(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    this.turn.end();
  }

  /** The client's FIN. */
  end(): void {
    this.server.onEnd();
    this.turn.end();
  }

  /** Answers with a body of `length` bytes that its head tells, or with its head alone for -1. */
  answer(index: number, status = 200, length = 0): void {
    const { stream } = this.requests[index];
    stream.sendResponse(
      { status, contentLength: Math.max(0, length), upgrade: undefined, fields: [], marks: 0 },
      length <= 0,
    );
    if (length > 0) stream.sendData(new Uint8Array(length).fill(0x61), true);
    this.turn.end();
  }

  /** Lets time pass, as whoever owns the connection tells it: once in a second. */
  pass(ms: number): void {
    for (let left = ms; left > 0; left -= 1000) {
      this.nowMs += Math.min(left, 1000);
      this.server.checkDeadlines(this.nowMs);
      this.turn.end();
    }
  }

  flush(): void {
    this.turn.end();
  }

  /** What the client has been sent so far. */
  read(): string {
    return Buffer.concat(this.transport.written).toString('latin1');
  }

  get statuses(): number[] {
    return [...this.read().matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));
  }
}
