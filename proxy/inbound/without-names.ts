import type { Field } from '../wire/field.ts';
import { withoutNames } from '../wire/field-names.ts';
import type { ErrorCode, StreamHandler } from '../wire/stream.ts';

/**
 * Passes on the rest of a request, without trailers of names that the mesh itself writes: some applications read trailers
 * with the fields of the head.
 */
export class WithoutNames implements StreamHandler {
  private readonly rest: StreamHandler;
  private readonly names: ReadonlySet<string>;

  /** `names` are folded by `foldName`. */
  constructor(rest: StreamHandler, names: ReadonlySet<string>) {
    this.rest = rest;
    this.names = names;
  }

  onData(chunk: Uint8Array, end: boolean): void {
    this.rest.onData(chunk, end);
  }

  onTrailers(fields: readonly Field[]): void {
    this.rest.onTrailers(withoutNames(this.names, fields));
  }

  onSent(bytes: number): void {
    this.rest.onSent(bytes);
  }

  onReset(code: ErrorCode, reason: string): void {
    this.rest.onReset(code, reason);
  }
}
