import type { ServerHttp2Stream } from 'node:http2';
import { Code, GrpcError } from './grpc-status.ts';

type Done = (request: Uint8Array, error?: GrpcError) => void;

const headBytes = 5;
/** Of all requests that are being received: a client may begin many and end none. */
const maxHeldBytes = 32 * 1024 * 1024;
let heldBytes = 0;

const nothing = new Uint8Array(0);

/** Reads the one message of a request. What is kept for it is let go of once it is there. */
export class RequestReader {
  private readonly chunks: Buffer[] = [];
  private bytes = 0;

  /** Calls `done` once, within `timeoutMs`, unless the client goes before. */
  static read(stream: ServerHttp2Stream, maxBytes: number, timeoutMs: number, done: Done): void {
    const reader = new RequestReader();
    const exhausted = (message: string): void => finish(new GrpcError(Code.resourceExhausted, message));
    const letGo = (): void => {
      clearTimeout(timer);
      heldBytes -= reader.bytes;
      reader.bytes = 0;
      stream.off('close', letGo);
    };
    const timer = setTimeout(
      () => finish(new GrpcError(Code.deadlineExceeded, 'the request did not arrive in time')),
      timeoutMs,
    );
    const finish = (error?: GrpcError): void => {
      letGo();
      stream.off('data', onData);
      stream.off('end', onEnd);
      // What else comes is not for anybody.
      stream.resume();
      if (error === undefined) done(reader.message());
      else done(nothing, error);
    };
    const onData = (chunk: Buffer): void => {
      reader.chunks.push(chunk);
      reader.bytes += chunk.length;
      heldBytes += chunk.length;
      if (reader.bytes > maxBytes + headBytes) exhausted(`the request has more than ${maxBytes} bytes`);
      else if (heldBytes > maxHeldBytes) exhausted('too many requests are being received');
    };
    const onEnd = (): void => {
      const problem = reader.problem();
      finish(problem === undefined ? undefined : new GrpcError(problem.code, problem.message));
    };
    stream.on('data', onData);
    stream.on('end', onEnd);
    stream.on('close', letGo);
  }

  private all(): Buffer {
    if (this.chunks.length !== 1) this.chunks.splice(0, this.chunks.length, Buffer.concat(this.chunks));
    return this.chunks[0];
  }

  private message(): Uint8Array {
    return this.all().subarray(headBytes);
  }

  private problem(): { code: number; message: string } | undefined {
    const all = this.all();
    if (all.length < headBytes) return { code: Code.internal, message: 'the request has no message' };
    if (all[0] !== 0) return { code: Code.unimplemented, message: 'compressed requests are not read' };
    if (all.readUInt32BE(1) === all.length - headBytes) return undefined;
    return { code: Code.internal, message: 'the request is not one message' };
  }
}
