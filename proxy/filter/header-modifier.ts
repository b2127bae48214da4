import { Field, FieldMark } from '../wire/field.ts';
import { withFields } from '../wire/heads.ts';
import type { RequestHead, ResponseHead } from '../wire/stream.ts';
import { tokenByte, valueByte } from '../wire/syntax.ts';
import { BadFilter, type RequestFilter, type ResponseFilter } from './filter.ts';

/** A field that a filter writes; `name` in any case. */
export interface WrittenField {
  readonly name: string;
  /** Latin-1. */
  readonly value: string;
}

const longestName = 256;
const longestValue = 4096;

/** Names that a codec makes out of a head's properties: as fields they would say another thing than the message does. */
const ofFraming = new Set([
  'connection',
  'content-length',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
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
  if (value.length > longestValue) throw new BadFilter(`the value of ${name} is longer than ${longestValue} bytes`);
  for (let i = 0; i < value.length; i++) {
    if (valueByte[value.charCodeAt(i)] !== 1) throw new BadFilter(`the value of ${name} holds a control character`);
  }
  const secret = secrets.has(name);
  const field = new Field(name, value, secret);
  field.interned = !secret;
  return field;
}

function checkedName(given: string): string {
  if (given === '' || given.length > longestName) throw new BadFilter(`a header name has 1 to ${longestName} letters`);
  for (let i = 0; i < given.length; i++) {
    if (tokenByte[given.charCodeAt(i)] !== 1) throw new BadFilter(`${JSON.stringify(given)} is no header name`);
  }
  const name = given.toLowerCase();
  if (ofFraming.has(name))
    throw new BadFilter(`the header ${name} is made by the proxy and not for a filter to change`);
  if ((new Field(name, '').marks & FieldMark.mesh) !== 0)
    throw new BadFilter(`the header ${name} is for proxies alone`);
  return name;
}
