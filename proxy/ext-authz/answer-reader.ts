import { FramingError, MessageReader } from '../control/grpc/message-reader.ts';

/** What is taken of an answer: one with all that may stand in it has less. */
const mostAnswerBytes = 128 * 1024;

/** The one message of an answer, as its bytes come. */
export class AnswerReader {
  private readonly reader: MessageReader;
  private read: Uint8Array | undefined = undefined;
  private isSecond = false;

  constructor() {
    this.reader = new MessageReader(mostAnswerBytes, (message) => {
      this.isSecond = this.read !== undefined;
      this.read = message;
    });
  }

  /** The message; undefined as long as not all of it has come. */
  get message(): Uint8Array | undefined {
    return this.reader.complete ? this.read : undefined;
  }

  /** Takes the next bytes. Returns why they are no answer; undefined when they may be. */
  push(chunk: Uint8Array): string | undefined {
    try {
      this.reader.push(chunk);
    } catch (error) {
      if (!(error instanceof FramingError)) throw error;
      return `it sends ${error.message}`;
    }
    return this.isSecond ? 'it answers more than once' : undefined;
  }
}
