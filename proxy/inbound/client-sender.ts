import type { Attempt } from '../exchange/attempt.ts';
import type { Sender } from '../exchange/plan.ts';
import { Field, FieldMark, fieldValue } from '../wire/field.ts';
import type { RequestHead } from '../wire/stream.ts';
import type { Application } from './application.ts';

/** Tells the application who its client is, as far as that was proved. */
export class ClientSender implements Sender {
  private readonly application: Application;
  private readonly extra: readonly Field[] | undefined;

  constructor(application: Application, identity: string | undefined) {
    this.application = application;
    if (identity === undefined) return;
    const clientId = new Field('l5d-client-id', identity);
    clientId.interned = true;
    this.extra = [clientId];
  }

  send(attempt: Attempt): void {
    attempt.extra = this.extra;
    this.application.send(attempt);
  }
}

/** Whether a request was HTTP/1 before the client's proxy carried it over HTTP/2, and in which form. */
export function carriedHttp1({ marks, fields }: RequestHead): 'origin-form' | 'absolute-form' | undefined {
  if ((marks & FieldMark.mesh) === 0) return undefined;
  const value = fieldValue(fields, 'l5d-orig-proto');
  if (!value?.startsWith('HTTP/1.')) return undefined;
  return value.endsWith('absolute-form') ? 'absolute-form' : 'origin-form';
}
