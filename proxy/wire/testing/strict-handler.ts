import type { Field } from '../field.ts';
import { responseHead } from '../heads.ts';
import type { RequestListener, ResponseHandler, ResponseHead, Stream } from '../stream.ts';

/**
 * Takes a message, and throws when it breaks the contract of stream.ts: data before the head or behind the end, a reset
 * told twice. Gives back credit at once.
 */
export class StrictHandler implements ResponseHandler {
  source: Stream | undefined = undefined;
  private state: 'head' | 'body' | 'ended' | 'reset';
  bodyBytes = 0;
  /** The response is whole: its request may end without a word. */
  answered = false;

  /** `state` is what has come already: `body` behind a request's head. */
  constructor(state: 'head' | 'body' | 'ended') {
    this.state = state;
  }

  get over(): boolean {
    return this.state === 'ended' || this.state === 'reset';
  }

  onInformational(head: ResponseHead): void {
    this.expect('head', 'informational response');
    if (head.status < 100 || head.status > 199) throw new Error(`informational response with status ${head.status}`);
  }

  onResponse(head: ResponseHead, end: boolean): void {
    this.expect('head', 'response');
    if (head.status < 100) throw new Error(`response with status ${head.status}`);
    this.state = end ? 'ended' : 'body';
  }

  onData(chunk: Uint8Array, end: boolean): void {
    this.expect('body', 'data');
    this.bodyBytes += chunk.length;
    if (end) this.state = 'ended';
    this.source?.credit(chunk.length);
  }

  onTrailers(fields: Field[]): void {
    this.expect('body', 'trailers');
    if (fields.some(({ name }) => name.startsWith(':'))) throw new Error('pseudo-header field in trailers');
    this.state = 'ended';
  }

  onSent(): void {}

  onReset(): void {
    if (this.state === 'reset') throw new Error('reset told twice');
    this.state = 'reset';
  }

  private expect(state: 'head' | 'body', what: string): void {
    if (this.state !== state) throw new Error(`${what} in state ${this.state}`);
  }
}

/**
 * Answers every request as soon as its head has come, or when `later` says so, with a body and trailers; `seen` is told
 * of each.
 */
export const strictListener =
  (seen: (handler: StrictHandler) => void, later = (answer: () => void): void => answer()): RequestListener =>
  (stream, head, end) => {
    for (const text of [head.method, head.path, head.authority]) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      if (/[\x00-\x20\x7f-\xff]/.test(text)) throw new Error(`control character let through: ${JSON.stringify(text)}`);
    }
    const handler = new StrictHandler(end ? 'ended' : 'body');
    handler.source = stream;
    seen(handler);
    later(() => {
      stream.sendResponse(responseHead(200, -1), false);
      stream.sendData(new Uint8Array(100), false);
      stream.sendTrailers([]);
      handler.answered = true;
    });
    return handler;
  };
