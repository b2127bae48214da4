import { asciiBytes, asciiJson } from '../../wire/ascii.ts';
import type { OutputBuffer } from '../../wire/output-buffer.ts';
import {
  digitsOfSpanId,
  digitsOfTraceId,
  type SpanId,
  type TraceId,
  writeSpanDigits,
  writeTraceDigits,
} from './ids.ts';
import type { Attribute, Resource, Span } from './span.ts';
import type { SpanFormat } from './span-format.ts';

/** What names the pod among what all spans are of: Zipkin knows a service and its address only. */
const toldOfResource = new Set(['k8s.namespace.name', 'k8s.pod.name']);

/** From the end of an id to the name. */
const kinds = {
  internal: '","name":',
  server: '","kind":"SERVER","name":',
  client: '","kind":"CLIENT","name":',
} as const;
const comma = 0x2c;
const openBracket = 0x5b;
const closeBracket = 0x5d;

/** Zipkin's own names of what the conventions call otherwise (zipkin.io/zipkin-api, v2 JSON). Each span begins with a comma. */
export class ZipkinFormat implements SpanFormat {
  /** The comma before the first span is where the bracket will be. */
  readonly frontBytes = 0;
  /** What stands in all spans: the service, and the tags of the resource. */
  private readonly common: Uint8Array;
  /** The peer of the last span, which is often that of the next. */
  private peer: Span['peer'] = undefined;
  private peerBytes: Uint8Array = new Uint8Array(0);

  constructor({ serviceName, attributes }: Resource) {
    const tags = attributes.filter(([name]) => toldOfResource.has(name));
    this.common = asciiBytes(`,"localEndpoint":{"serviceName":${asciiJson(serviceName)}},"tags":{${tagsOf(tags)}`);
  }

  /** With a comma behind each. */
  attributes(list: readonly Attribute[]): Uint8Array {
    return asciiBytes(tagsOf(list));
  }

  encode(out: OutputBuffer, span: Span): void {
    const { parentId, kind, startMs, endMs, attributes, error, peer } = span;
    const timestamp = Math.round(startMs * 1000);
    // What took no time that could be measured took some.
    const duration = Math.max(1, Math.round(endMs * 1000) - timestamp);
    out.appendLatin1(',{"traceId":"');
    appendTraceId(out, span.traceId);
    out.appendLatin1('","id":"');
    appendSpanId(out, span.spanId);
    if (parentId !== undefined) {
      out.appendLatin1('","parentId":"');
      appendSpanId(out, parentId);
    }
    out.appendLatin1(kinds[kind]);
    out.appendLatin1(asciiJson(span.name));
    out.appendLatin1(',"timestamp":');
    out.appendInteger(timestamp);
    out.appendLatin1(',"duration":');
    out.appendInteger(duration);
    if (peer !== undefined) out.append(this.remote(peer));
    out.append(this.common);
    for (let i = 0; i < attributes.length; i++) {
      const set = attributes[i];
      if (set.comesAgain) out.append(set.bytesIn(this));
      else out.appendLatin1(tagsOf(set.list));
    }
    // Its presence is what marks a span as failed.
    if (error !== undefined) out.appendLatin1(`"error":${asciiJson(error)}`);
    else if (out.bytes[out.length - 1] === comma) out.length--;
    out.appendLatin1('}}');
  }

  private remote(peer: NonNullable<Span['peer']>): Uint8Array {
    if (peer.address !== this.peer?.address || peer.port !== this.peer.port) {
      this.peer = peer;
      this.peerBytes = asciiBytes(`,"remoteEndpoint":${endpoint(peer)}`);
    }
    return this.peerBytes;
  }

  batch(out: OutputBuffer): Uint8Array {
    const end = out.reserve(1);
    out.bytes[0] = openBracket;
    out.bytes[end] = closeBracket;
    return out.bytes.subarray(0, end + 1);
  }
}

function appendTraceId(out: OutputBuffer, id: TraceId): void {
  const at = out.reserve(digitsOfTraceId);
  writeTraceDigits(out.bytes, at, id);
  out.length = at + digitsOfTraceId;
}

function appendSpanId(out: OutputBuffer, id: SpanId): void {
  const at = out.reserve(digitsOfSpanId);
  writeSpanDigits(out.bytes, at, id);
  out.length = at + digitsOfSpanId;
}

function tagsOf(list: readonly Attribute[]): string {
  let tags = '';
  for (const [name, value] of list) tags += `${asciiJson(name)}:${asciiJson(String(value))},`;
  return tags;
}

const endpoint = ({ address, port }: { address: string; port: number }): string =>
  `{"${address.includes(':') ? 'ipv6' : 'ipv4'}":${asciiJson(address)}${port === 0 ? '' : `,"port":${port}`}}`;
