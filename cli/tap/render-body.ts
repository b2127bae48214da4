import type { TapEvent } from '../../api/gen/tap_pb.js';
import type { TapBody } from '../../api/gen/tulle_pb.js';
import { escaped, jsonText } from '../escaped.ts';
import { printable } from '../table.ts';
import type { DecodedBody, DecodedPart } from './body/decode.ts';
import type { UnknownField } from './body/protobuf.ts';
import { flowText, tapJson, wideText } from './render.ts';

/** Of one body. What is left out is counted; -o json has all of it. */
const maxParts = 20;
const maxPartLength = 2000;

/** The body that an event is of; undefined for other events. */
export function bodyOf({ event }: TapEvent): TapBody | undefined {
  const part = event.case === 'http' ? event.value.event : undefined;
  return part?.case === 'body' ? part.value : undefined;
}

/** A body in lines: whose it is, and below that what stands in it, a line for each of its messages. */
export function bodyLines(event: TapEvent, body: TapBody, decoded: DecodedBody, wide: string | undefined): string {
  const { of, length, contentType, encoding, note, parts } = decoded;
  const head = [
    `body id=${body.base}:${body.stream} ${flowText(event)} of=${of} length=${length}B`,
    contentType === '' ? '' : ` type=${contentType}`,
    encoding === undefined ? '' : ` encoding=${encoding}`,
    note === undefined ? '' : ` (${note})`,
    wide === undefined ? '' : wideText(event, wide),
  ];
  const lines = parts.slice(0, maxParts).map((part) => `    ${partText(part)}`);
  if (parts.length > maxParts) lines.push(`    … and ${parts.length - maxParts} messages more`);
  return [printable(head.join('')), ...lines].join('\n');
}

/** As `tapJson`, with what stands in it. */
export function bodyJson(event: TapEvent, { base, stream }: TapBody, decoded: DecodedBody): object {
  return { ...tapJson(event), bodyEvent: { id: { base, stream: Number(stream) }, ...decoded } };
}

function partText({ type, compressed, json, text, fields, note }: DecodedPart): string {
  const content =
    json !== undefined
      ? jsonText(json)
      : text !== undefined
        ? escaped(text)
        : fields !== undefined
          ? fieldsText(fields)
          : undefined;
  return [
    ...(compressed === undefined ? [] : [`(${printable(compressed)})`]),
    ...(type === undefined ? [] : [type]),
    ...(content === undefined ? [] : [short(content)]),
    ...(note === undefined ? [] : [`(${note})`]),
  ].join(' ');
}

/** A message of no known type: `1:bytes="text" 2:varint=7 3:bytes(12 B)`; without a field, `(empty)`. */
function fieldsText(fields: readonly UnknownField[]): string {
  if (fields.length === 0) return '(empty)';
  return fields
    .map(({ field, wire, value, length }) => {
      if (value === undefined) return `${field}:${wire}(${length} B)`;
      return `${field}:${wire}=${wire === 'bytes' ? jsonText(value) : value}`;
    })
    .join(' ');
}

const short = (text: string): string =>
  text.length <= maxPartLength ? text : `${text.slice(0, maxPartLength)}… (${text.length - maxPartLength} more)`;
