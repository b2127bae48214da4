import { headerNameProblem, headerValueProblem } from '../../lib/contract/route-filters.ts';
import { Field } from '../wire/field.ts';
import { withFields } from '../wire/heads.ts';
import type { RequestHead, ResponseHead } from '../wire/stream.ts';
import { BadFilter, type RequestFilter, type ResponseFilter } from './filter.ts';

/** A field that a filter writes; `name` in any case. */
export interface WrittenField {
  readonly name: string;
  /** Latin-1. */
  readonly value: string;
}

const secrets = new Set(['authorization', 'proxy-authorization', 'cookie', 'set-cookie']);

/**
 * The order is that of Linkerd's filter: what is added, then what is set, in place of all fields of its name, then what
 * is removed. Of several that are set under one name the first one counts (Gateway API, HTTPHeader).
 */
export class HeaderModifier implements RequestFilter, ResponseFilter {
  private readonly dropped: ReadonlySet<string>;
  private readonly written: readonly Field[];

  /** Throws BadFilter on names and values that would break a message, or that proxies alone may speak. */
  constructor(add: readonly WrittenField[], set: readonly WrittenField[], remove: readonly string[]) {
    const removed = new Set(remove.map(checkedName));
    const byName = new Map<string, Field>();
    for (const each of set) {
      const field = written(each);
      if (!byName.has(field.name)) byName.set(field.name, field);
    }
    this.dropped = new Set([...removed, ...byName.keys()]);
    this.written = [...add.map(written).filter(({ name }) => !byName.has(name)), ...byName.values()].filter(
      ({ name }) => !removed.has(name),
    );
  }

  apply<Head extends RequestHead | ResponseHead>(head: Head): Head {
    const { dropped } = this;
    const fields: Field[] = [];
    for (let i = 0; i < head.fields.length; i++) if (!dropped.has(head.fields[i].name)) fields.push(head.fields[i]);
    if (this.written.length === 0 && fields.length === head.fields.length) return head;
    for (let i = 0; i < this.written.length; i++) fields.push(this.written[i]);
    return withFields(head, fields);
  }
}

/** A field that is the same in each message. Throws BadFilter. */
export function written({ name: given, value: untrimmed }: WrittenField): Field {
  const name = checkedName(given);
  const value = untrimmed.replace(/^[\t ]+|[\t ]+$/g, '');
  const problem = isLatin1(value) ? headerValueProblem(value) : 'must be latin-1';
  if (problem !== undefined) throw new BadFilter(`the value of the header ${name} ${problem}`);
  const secret = secrets.has(name);
  const field = new Field(name, value, secret);
  field.interned = !secret;
  return field;
}

function checkedName(name: string): string {
  const problem = headerNameProblem(name);
  if (problem !== undefined) throw new BadFilter(`the header ${JSON.stringify(name.slice(0, 100))} ${problem}`);
  return name.toLowerCase();
}

function isLatin1(value: string): boolean {
  for (let i = 0; i < value.length; i++) if (value.charCodeAt(i) > 0xff) return false;
  return true;
}
