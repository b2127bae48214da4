import { Filters, type ResponseFilter } from '../filter/filter.ts';
import type { Field } from '../wire/field.ts';
import { withFields } from '../wire/heads.ts';
import type { RequestHead, ResponseHead } from '../wire/stream.ts';
import type { ResponseField, Verdict } from './check-answer.ts';

/** What the application gets of a request that an authorizer has let in. */
export function allowedHead(head: RequestHead, { set, removed }: Verdict & { decision: 'allowed' }): RequestHead {
  if (set.length === 0 && removed.size === 0) return head;
  const gone = new Set([...removed, ...set.map(({ name }) => name)]);
  return withFields(head, [...head.fields.filter(({ name }) => !gone.has(name)), ...set]);
}

/** The filters of a rule, and behind them what authorizers have said of the response to one request. */
export const withResponseFields = (filters: Filters | undefined, added: readonly ResponseField[]): Filters =>
  new Filters(filters?.delays ?? [], filters?.request ?? [], [...(filters?.response ?? []), new ResponseFields(added)]);

class ResponseFields implements ResponseFilter {
  private readonly added: readonly ResponseField[];

  constructor(added: readonly ResponseField[]) {
    this.added = added;
  }

  apply(head: ResponseHead): ResponseHead {
    let fields: readonly Field[] = head.fields;
    for (const { field, overwrites } of this.added) {
      fields = [...(overwrites ? fields.filter(({ name }) => name !== field.name) : fields), field];
    }
    return withFields(head, fields);
  }
}
