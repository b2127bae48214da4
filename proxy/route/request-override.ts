import { Field, FieldMark, fieldValue } from '../wire/field.ts';
import { withFields } from '../wire/heads.ts';
import type { RequestHead } from '../wire/stream.ts';

/**
 * A request may ask to have another Service in place of one that it, or what it brings about, would call, by a member of
 * its W3C `baggage`:
 *
 *     tulle-override = item *( "/" item )
 *     item           = service "." namespace ":" other [ "." namespace ]
 *
 * such as `tulle-override=web-svc.shop:web-v2/cart.shop:cart-v3`. Names are those of Kubernetes: DNS labels in lower case.
 * The namespace of the other is that of the service where it is not said. The value may be percent-encoded, as
 * OpenTelemetry's SDKs write it. Of several members with this key, and of several items of one service, the first counts;
 * a member that is not of this form, or longer than it may be, asks for nothing.
 */
export const overrideKey = 'tulle-override';

/** Of one field, as baggage has it (W3C Baggage, 3.3.2). */
const longestBaggage = 8192;
const longestValue = 1024;
const mostItems = 16;

/** What stands behind the key, as it was written; undefined where a request asks for nothing. */
export function overrideIn(fields: readonly Field[]): string | undefined {
  for (const { name, value } of fields) {
    if (name !== 'baggage' || value.length > longestBaggage || !value.includes(overrideKey)) continue;
    for (const member of value.split(',')) {
      const equals = member.indexOf('=');
      if (equals < 0 || member.slice(0, equals).trim() !== overrideKey) continue;
      return member
        .slice(equals + 1)
        .split(';', 1)[0]
        .trim();
    }
  }
  return undefined;
}

/** What a value asks for, each as `name.namespace`, by the `name.namespace` of the service; undefined where it is no such. */
export function overridesOf(value: string): ReadonlyMap<string, string> | undefined {
  const text = decoded(value);
  if (text === undefined) return undefined;
  const items = text.split('/', mostItems + 1);
  if (items.length > mostItems) return undefined;
  const overrides = new Map<string, string>();
  for (const item of items) {
    const [from, to, ...more] = item.split(':', 3);
    const service = serviceName(from, undefined);
    const other = to === undefined || more.length > 0 ? undefined : serviceName(to, from.split('.')[1]);
    if (service === undefined || other === undefined) return undefined;
    if (!overrides.has(service)) overrides.set(service, other);
  }
  return overrides;
}

/** The head with an override that it did not bring. */
export function withOverride(head: RequestHead, value: string): RequestHead {
  return withFields(head, [...head.fields, new Field('baggage', `${overrideKey}=${value}`)]);
}

/** The head without what it asks for; the head itself when it asks for nothing. The rest of its baggage stays as it was. */
export function withoutOverride(head: RequestHead): RequestHead {
  let changed = false;
  const fields: Field[] = [];
  for (const field of head.fields) {
    if (field.name !== 'baggage') {
      fields.push(field);
      continue;
    }
    const members = field.value.split(',');
    const others = members.filter((member) => !isOverride(member));
    if (others.length === members.length) fields.push(field);
    else {
      changed = true;
      if (others.length > 0) fields.push(new Field('baggage', others.join(',')));
    }
  }
  return changed ? withFields(head, fields) : head;
}

/** The trace that a request belongs to (W3C Trace Context, 3.2); undefined where it says of none. */
export function traceIdOf({ marks, fields }: RequestHead): string | undefined {
  if ((marks & FieldMark.trace) === 0) return undefined;
  const id = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(fieldValue(fields, 'traceparent') ?? '');
  return id === null || /^0+$/.test(id[1]) ? undefined : id[1];
}

/** Some SDKs decode the key, too, and write it anew. */
function isOverride(member: string): boolean {
  const key = member.split('=', 1)[0];
  return key.trim() === overrideKey || unescaped(key)?.trim() === overrideKey;
}

function decoded(value: string): string | undefined {
  if (value.length > longestValue) return undefined;
  return value.includes('%') ? unescaped(value) : value;
}

function unescaped(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

const isLabel = (text: string): boolean => /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text);

/** `name.namespace`, or `name` where the namespace may be left out. */
function serviceName(text: string, namespace: string | undefined): string | undefined {
  const [name, own = namespace, ...more] = text.split('.', 3);
  if (own === undefined || more.length > 0 || !isLabel(name) || !isLabel(own)) return undefined;
  return `${name}.${own}`;
}
