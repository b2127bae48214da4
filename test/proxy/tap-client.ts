import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { ChannelCredentials } from '@grpc/grpc-js';
import { ObserveRequestSchema, Tap, type TapEvent } from '../../api/gen/tap_pb.js';
import { GrpcClient } from '../../api/grpc.ts';
import type { TestMesh } from './test-mesh.ts';

/** The identity that taps in the mesh of a test. */
export const tapIdentity = 'tulle-tap.tulle.serviceaccount.identity.tulle.cluster.local';

/** One tap: the events that have come, in words, and how it ended. */
export interface Tapped {
  readonly events: TapEvent[];
  /** The sidecar has let it in: requests that come from now on are told. */
  begun: boolean;
  /** gRPC status and its message, once it is over. */
  ended: [code: number, message: string] | undefined;
  cancel(): void;
  /** Reads nothing, and goes on. */
  pause(): void;
  resume(): void;
}

/** Taps a workload's sidecar by way of the sidecar of another, which proves to be that workload. */
export function tapThrough(mesh: TestMesh, client: string, workload: string, request: Request): Tapped {
  const through = new GrpcClient(`${mesh.ip(client)}:4140`, ChannelCredentials.createInsecure(), {
    'grpc.default_authority': `${mesh.ip(workload)}:4190`,
    'grpc.use_local_subchannel_pool': 1,
  });
  return observe(through, request);
}

/** Taps a workload's sidecar at its control port, as `own` or without a certificate. */
export function tap(
  mesh: TestMesh,
  workload: string,
  request: Request,
  own: { readonly key: string; readonly cert: string } | undefined,
): Tapped {
  const credentials =
    own === undefined
      ? ChannelCredentials.createInsecure()
      : ChannelCredentials.createSsl(Buffer.from(mesh.trustAnchors), Buffer.from(own.key), Buffer.from(own.cert));
  const client = new GrpcClient(`${mesh.ip(workload)}:4190`, credentials, {
    'grpc.ssl_target_name_override': `${workload}.test.serviceaccount.identity.tulle.cluster.local`,
    'grpc.use_local_subchannel_pool': 1,
  });
  return observe(client, request);
}

type Request = MessageInitShape<typeof ObserveRequestSchema>;

function observe(client: GrpcClient, request: Request): Tapped {
  const stream = client.stream(Tap.method.observe, create(ObserveRequestSchema, request));
  const tapped: Tapped = {
    events: [],
    begun: false,
    ended: undefined,
    cancel: () => {
      stream.cancel();
      client.close();
    },
    pause: () => stream.pause(),
    resume: () => stream.resume(),
  };
  stream.on('metadata', () => {
    tapped.begun = true;
  });
  stream.on('data', (event: TapEvent) => tapped.events.push(event));
  stream.on('error', () => {});
  stream.on('status', ({ code, details }) => {
    tapped.ended = [code, details];
    client.close();
  });
  return tapped;
}

/** `requestInit`, `responseInit` or `responseEnd`, with what it says. */
export function partOf({ event }: TapEvent) {
  if (event.case !== 'http') throw new Error('an event of nothing');
  return event.value.event;
}

/** All events of one kind. */
export function partsOf<Kind extends 'requestInit' | 'responseInit' | 'responseEnd'>(
  events: readonly TapEvent[],
  kind: Kind,
) {
  return events.flatMap((event) => {
    const part = partOf(event);
    return part.case === kind ? [part.value as Extract<ReturnType<typeof partOf>, { case: Kind }>['value']] : [];
  });
}
