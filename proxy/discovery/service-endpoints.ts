import { create } from '@bufbuild/protobuf';
import { Destination, GetDestinationSchema } from '../../api/gen/destination_pb.js';
import { Watch } from '../control/watch.ts';
import type { EndpointInfo } from '../model/endpoint-info.ts';
import type { EndpointReader } from './endpoint-from-api.ts';
import { EndpointSet } from './endpoint-set.ts';
import type { LookupOptions } from './resolution.ts';

export interface ServiceEndpointsListener {
  onEndpoints(infos: readonly EndpointInfo[]): void;
  /** Discovery knows no such service; `detail` says so in words where it has any. */
  onUnknown(detail: string): void;
  /** The stream broke: nobody may be there to ask. */
  onLost(): void;
}

export interface ServiceQuery {
  /** What discovery calls the service: `host:port`. */
  readonly path: string;
  /** Endpoints of all zones are asked for, and not those that hints give to this one. */
  readonly allZones: boolean;
}

/** Watches the endpoints of a service. */
export function watchServiceEndpoints(
  { path, allZones }: ServiceQuery,
  reader: EndpointReader,
  { channel, clock, context }: LookupOptions,
  listener: ServiceEndpointsListener,
): { readonly isLive: boolean; close(): void } {
  const set = new EndpointSet(reader);
  return new Watch({
    channel,
    timers: clock,
    random: clock.random,
    request: create(GetDestinationSchema, { path, allZones, contextToken: context }),
    method: Destination.method.get,
    onMessage: (update, first) => {
      set.apply(update, first);
      if (set.exists) listener.onEndpoints([...set.endpoints]);
      else listener.onUnknown('');
    },
    onRefused: (_code, detail) => listener.onUnknown(detail),
    onLost: () => listener.onLost(),
  });
}
