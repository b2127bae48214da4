import { systemClock } from '../../proxy/clock.ts';
import { connect } from '../../proxy/net/connect.ts';
import { EventLoopTurn } from '../../proxy/net/turn.ts';
import { Field } from '../../proxy/wire/field.ts';
import { FieldTable } from '../../proxy/wire/field-table.ts';
import type { Http1Client } from '../../proxy/wire/http1/client.ts';
import type { Http2Client } from '../../proxy/wire/http2/client.ts';
import type { RequestHead } from '../../proxy/wire/stream.ts';
import type { Transport } from '../../proxy/wire/transport.ts';

const paths = 20_000;

/** What a client is made of, besides what its protocol adds. */
export interface ClientParts {
  readonly transport: Transport;
  readonly turn: EventLoopTurn;
  readonly fields: FieldTable;
  /** To be called by a client that takes no requests at once, when it does. */
  readonly onReady: () => void;
  readonly onClosed: (client: unknown, error: Error | undefined) => void;
}

export interface VariedLoadOptions<Client> {
  readonly authority: string;
  readonly method: string;
  /** What each path begins with. */
  readonly path: string;
  /** Name and value of the fields that every request has. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** Each request brings the next of them. Default: none does. */
  readonly tokens?: readonly string[];
  /** How many are sent in all; the program ends with the last answer. */
  readonly requests: number;
  readonly client: (parts: ClientParts) => Client;
  readonly send: (client: Client, head: RequestHead) => void;
}

/** Requests that are sent as fast as they are answered, each with a path of 20,000 and a header of its own. */
export class VariedLoad<Client extends Http1Client | Http2Client> {
  private readonly options: VariedLoadOptions<Client>;
  private readonly common: readonly Field[];
  private readonly tokens: readonly Field[];
  private sent = 0;
  private answers = 0;
  private startMs = 0;

  constructor(options: VariedLoadOptions<Client>) {
    this.options = options;
    this.common = options.fields.map(([name, value]) => {
      const field = new Field(name, value);
      field.interned = true;
      return field;
    });
    this.tokens = (options.tokens ?? []).map((token) => new Field('authorization', `Bearer ${token}`));
  }

  /** Opens `connections`, and sends `streams` requests on each; `next` is to follow each answer. */
  start(host: string, port: number, connections: number, streams: number): void {
    const turn = new EventLoopTurn();
    const fields = new FieldTable(1);
    for (let index = 0; index < connections; index++) {
      connect(
        { host, port, timeoutMs: 3000, timers: systemClock },
        (connection) => {
          let begun = false;
          const begin = (): void => {
            if (begun) return;
            begun = true;
            if (this.startMs === 0) this.startMs = performance.now();
            for (let stream = 0; stream < streams; stream++) this.next(client);
          };
          const client = this.options.client({
            transport: connection,
            turn,
            fields,
            onReady: begin,
            onClosed: (_client, error) => fail(`connection closed: ${error?.message}`),
          });
          connection.handler = client;
          if (client.available) begin();
        },
        (_failure, detail) => fail(detail),
      );
    }
  }

  /** Sends the next request, if one is left. */
  next(client: Client): void {
    const { requests, method, authority, path, send } = this.options;
    if (this.sent === requests) return;
    const count = ++this.sent;
    const { tokens } = this;
    const token = tokens.length === 0 ? [] : [tokens[count % tokens.length]];
    send(client, {
      method,
      scheme: 'http',
      authority,
      path: `${path}${count % paths}`,
      contentLength: -1,
      upgrade: undefined,
      absoluteForm: false,
      fields: [...this.common, ...token, new Field('x-request-id', `${count}-${count * 7919}`)],
      marks: 0,
    });
  }

  /** Prints what came of it after the last answer, and ends the program. */
  answered(): void {
    const { requests } = this.options;
    if (++this.answers < requests) return;
    console.log(JSON.stringify({ requests, seconds: (performance.now() - this.startMs) / 1000 }));
    process.exit(0);
  }
}

/** Ends the program: no figure may come of a load that was not answered. */
export function fail(reason: string): never {
  console.error(reason);
  process.exit(1);
}
