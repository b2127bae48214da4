import type { Clock, TimerHandle } from '../clock.ts';
import type { ControlAddress } from '../control/control-address.ts';
import { connectByName } from '../control/control-client.ts';
import type { TlsContext } from '../net/tls.ts';
import { Field, marksOfAll } from '../wire/field.ts';
import type { FieldTable } from '../wire/field-table.ts';
import { Http1Client } from '../wire/http1/client.ts';
import { formatHostPort } from '../wire/ip-network.ts';
import type { ErrorCode, RequestHead, ResponseHandler, ResponseHead, Stream } from '../wire/stream.ts';
import type { Connection, Turn } from '../wire/transport.ts';

export interface HttpPostOptions {
  address: ControlAddress;
  path: string;
  contentType: string;
  /** What this proxy proves who it is by; undefined while it cannot. */
  tls: () => TlsContext | undefined;
  turn: Turn;
  fields: FieldTable;
  clock: Clock;
}

/** Of an answer: more of one is not kept. */
const maxAnswerBytes = 64 * 1024;

export type Posted =
  | { readonly status: number; readonly body: Uint8Array }
  /** There was no answer. */
  | { readonly lost: string };

/** Posts to one server over one HTTP/1 connection, one request at a time; the connection is kept while it works. */
export class HttpPost {
  private readonly options: HttpPostOptions;
  private readonly head: RequestHead;
  private client: Http1Client | undefined = undefined;

  constructor(options: HttpPostOptions) {
    const { address, path, contentType } = options;
    this.options = options;
    const fields = [new Field('content-type', contentType)];
    this.head = {
      method: 'POST',
      scheme: address.serverName === undefined ? 'http' : 'https',
      authority: formatHostPort(address.host, address.port),
      path,
      contentLength: 0,
      upgrade: undefined,
      absoluteForm: false,
      fields,
      marks: marksOfAll(fields),
    };
  }

  /** Resolves with what became of it, within `timeoutMs`. */
  send(body: Uint8Array, timeoutMs: number): Promise<Posted> {
    return new Promise((resolve) => {
      const { clock } = this.options;
      let over = false;
      const settle = (posted: Posted): void => {
        if (over) return;
        over = true;
        clock.cancel(timer);
        // What comes late would be taken for the answer to the next.
        if ('lost' in posted) this.close();
        resolve(posted);
      };
      const timer: TimerHandle = clock.after(timeoutMs, () => settle({ lost: `no answer within ${timeoutMs} ms` }));
      this.connected(
        (client) => {
          if (over) return;
          const answer = new Answer(settle);
          const stream = client.request({ ...this.head, contentLength: body.length }, false, answer);
          if (stream === undefined) settle({ lost: 'the connection takes no request' });
          else {
            answer.stream = stream;
            stream.sendData(body, true);
          }
        },
        (lost) => settle({ lost }),
      );
    });
  }

  close(): void {
    const { client } = this;
    this.client = undefined;
    client?.close();
  }

  private connected(onClient: (client: Http1Client) => void, onFailed: (detail: string) => void): void {
    if (this.client?.available) {
      onClient(this.client);
      return;
    }
    this.close();
    const { address, tls, turn, fields, clock } = this.options;
    const context = address.serverName === undefined ? undefined : tls();
    if (address.serverName !== undefined && context === undefined) {
      onFailed('this proxy has no certificate yet');
      return;
    }
    const onConnected = (connection: Connection): void => {
      const client = new Http1Client({
        transport: connection,
        turn,
        fields,
        onAvailable: () => {},
        onClosed: (closed) => {
          if (this.client === closed) this.client = undefined;
        },
      });
      connection.handler = client;
      this.close();
      this.client = client;
      onClient(client);
    };
    connectByName(address, context, [], clock, onConnected, onFailed);
  }
}

/** What comes back. */
class Answer implements ResponseHandler {
  stream: Stream | undefined = undefined;
  private readonly settle: (posted: Posted) => void;
  private status = 0;
  private readonly chunks: Uint8Array[] = [];
  private bytes = 0;

  constructor(settle: (posted: Posted) => void) {
    this.settle = settle;
  }

  onInformational(): void {}

  onResponse(head: ResponseHead, end: boolean): void {
    this.status = head.status;
    if (end) this.ended();
  }

  onData(chunk: Uint8Array, end: boolean): void {
    this.bytes += chunk.length;
    if (this.bytes <= maxAnswerBytes) this.chunks.push(chunk.slice());
    this.stream?.credit(chunk.length);
    if (end) this.ended();
  }

  onTrailers(): void {
    this.ended();
  }

  onSent(): void {}

  onReset(_code: ErrorCode, reason: string): void {
    this.settle({ lost: reason });
  }

  private ended(): void {
    this.settle({ status: this.status, body: Buffer.concat(this.chunks) });
  }
}
