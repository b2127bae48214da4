import type { ServerResponse } from 'node:http';
import { create, toBinary } from '@bufbuild/protobuf';
import { type Headers, Headers_HeaderSchema } from '../../api/gen/http_types_pb.js';
import { type ObserveRequest, type TapEvent, TapEventSchema } from '../../api/gen/tap_pb.js';
import { paceOf } from '../../api/tap/pace.ts';
import { ProxyTap } from '../../api/tap/proxy-tap.ts';
import type { SidecarAddress } from '../../api/tap/sidecar-connection.ts';
import { addLabels, type LabelsAt } from '../../api/tap/who.ts';
import type { Pod } from '../../lib/kinds/pod.ts';

export interface FanOutOptions {
  readonly pods: readonly Pod[];
  readonly request: Omit<ObserveRequest, 'limit'>;
  /** Of all pods together; 0 is the default. */
  readonly maxRps: number;
  /** Where the sidecar of a pod is asked. */
  readonly addressOf: (pod: Pod) => SidecarAddress;
  readonly labelsAt: LabelsAt;
  readonly response: ServerResponse;
  /** A sidecar tells nothing, or nothing more. */
  readonly onProblem: (pod: Pod, reason: string) => void;
  readonly onEvent: () => void;
}

/** More than that waits for the client: sidecars are not read until it has read some. */
const maxWaitingBytes = 1024 * 1024;

/**
 * One tap: the events of all its pods, as they come, in one response, each behind its length in four bytes, least first
 * (linkerd2 pkg/protohttp). It goes on until the client goes, or no pod is left.
 */
export function fanOut(options: FanOutOptions): Promise<void> {
  const { pods, request, maxRps, addressOf, labelsAt, response, onProblem, onEvent } = options;
  const ended = Promise.withResolvers<void>();
  const running = new Set<ProxyTap>();
  let paused = false;
  const write = (event: TapEvent): void => {
    onEvent();
    addLabels(event, labelsAt);
    response.write(framed(toBinary(TapEventSchema, asText(event))));
    if (paused || response.writableLength <= maxWaitingBytes) return;
    paused = true;
    for (const tap of running) tap.pause();
    response.once('drain', () => {
      paused = false;
      for (const tap of running) tap.resume();
    });
  };
  for (const pod of pods) {
    const tap: ProxyTap = new ProxyTap({
      address: addressOf(pod),
      request,
      pace: paceOf(maxRps, pods.length),
      onBegun: () => {},
      onEvent: write,
      onOver: (reason) => {
        running.delete(tap);
        onProblem(pod, reason);
        if (running.size === 0) ended.resolve();
      },
    });
    running.add(tap);
  }
  response.once('close', () => {
    for (const tap of running) tap.close();
    running.clear();
    ended.resolve();
  });
  return ended.promise;
}

/** A message behind its length. */
export function framed(message: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(4 + message.length);
  bytes.writeUInt32LE(message.length, 0);
  bytes.set(message, 4);
  return bytes;
}

type Part = Extract<TapEvent['event'], { case: 'http' }>['value']['event'];

function headersOf(part: Part | undefined): Headers | undefined {
  switch (part?.case) {
    case 'requestInit':
    case 'responseInit':
      return part.value.headers;
    case 'responseEnd':
      return part.value.trailers;
    default:
      return undefined;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Values of fields are text to clients of this API, and would cost them the whole event where they are not. */
function asText(event: TapEvent): TapEvent {
  const part = event.event.case === 'http' ? event.event.value.event : undefined;
  const headers = headersOf(part);
  if (headers === undefined) return event;
  headers.headers = headers.headers.map((header) => {
    try {
      utf8.decode(header.value);
      return header;
    } catch {
      const value = Buffer.from(Buffer.from(header.value).toString('latin1'), 'utf8');
      return create(Headers_HeaderSchema, { name: header.name, value });
    }
  });
  return event;
}
