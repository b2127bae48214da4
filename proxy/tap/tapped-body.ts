import { type TapBody_Side, TapBody_State } from '../../api/gen/tulle_pb.js';
import type { BodyListener, KeptBytes } from '../exchange/request-body.ts';
import { type Field, fieldValue } from '../wire/field.ts';
import { BodyCopy } from './body-copy.ts';

/** What is told of a body, once. */
export interface BodyPart {
  readonly side: TapBody_Side;
  readonly state: TapBody_State;
  readonly data: Uint8Array;
  readonly length: number;
  /** Of the message that it is the body of. */
  readonly fields: readonly Field[];
}

/** What the bodies of all taps of a process hold together until they are told. */
export const maxHeldBytes = 2 * 1024 * 1024;

/** Content that nobody reads as text: its size is told alone. SVG is text. */
const noText =
  /^\s*(?:image\/(?!svg)|(?:audio|video|font)\/|application\/(?:octet-stream|zip|x?-?gzip|x-tar|x-7z-compressed|zstd|pdf|wasm|java-archive|vnd\.(?:ms-|openxmlformats)))/i;

/** Follows one body as it passes and tells its first bytes once: when as many have come as are to be told, or its end. */
export class TappedBody implements BodyListener {
  private readonly side: TapBody_Side;
  private readonly fields: readonly Field[];
  private readonly copy: BodyCopy;
  private readonly tell: (part: BodyPart) => void;
  private over = false;

  constructor(
    side: TapBody_Side,
    fields: readonly Field[],
    limit: number,
    room: KeptBytes,
    tell: (part: BodyPart) => void,
  ) {
    this.side = side;
    this.fields = fields;
    this.copy = new BodyCopy(noText.test(fieldValue(fields, 'content-type') ?? '') ? 0 : limit, room);
    this.tell = tell;
  }

  onBody(chunk: Uint8Array, end: boolean): void {
    if (this.over) return;
    const { copy } = this;
    copy.push(chunk);
    if (end) this.end(TapBody_State.COMPLETE);
    else if (copy.full || copy.noRoom) this.end(TapBody_State.CUT);
  }

  onBodyTrailers(): void {
    this.end(TapBody_State.COMPLETE);
  }

  onBodyCut(): void {
    this.end(TapBody_State.BROKEN);
  }

  /** No more of it comes, for the reason that `state` says, unless it was told before. */
  end(state: TapBody_State): void {
    if (this.over) return;
    this.over = true;
    const { side, fields, copy } = this;
    const { length, noRoom, cut } = copy;
    const data = copy.take();
    if (length === 0) return;
    const isCut = cut && data.length > 0 && state === TapBody_State.COMPLETE;
    this.tell({
      side,
      fields,
      data,
      length,
      state: noRoom ? TapBody_State.NO_ROOM : isCut ? TapBody_State.CUT : state,
    });
  }

  /** Nothing of it is told, nor held. */
  close(): void {
    this.over = true;
    this.copy.take();
  }
}

/** A body of which nothing was followed, since it came before it was known that its request is to be told. */
export function passedBody(side: TapBody_Side, fields: readonly Field[], length: number): BodyPart {
  return { side, fields, length, data: new Uint8Array(0), state: TapBody_State.PASSED };
}
