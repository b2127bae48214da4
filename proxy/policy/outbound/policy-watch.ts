import { create } from '@bufbuild/protobuf';
import { OutboundPolicies, TrafficSpecSchema } from '../../../api/gen/outbound_pb.js';
import type { Clock } from '../../clock.ts';
import { addressToApi } from '../../control/addresses.ts';
import type { GrpcChannel } from '../../control/grpc/grpc-channel.ts';
import { Status } from '../../control/grpc/status.ts';
import { Watch } from '../../control/watch.ts';
import { parseIp } from '../../wire/ip-network.ts';
import { type OnUnreadRoute, outboundPolicyFromApi } from './from-api.ts';
import type { OutboundPolicy } from './model.ts';

/** Where policies of targets are watched. */
export interface PolicySource {
  channel: () => GrpcChannel;
  /** Of this proxy, as the control plane names it: JSON `{"ns", "pod"}`. */
  workload: string;
}

export interface OutboundPolicyListener {
  onPolicy(policy: OutboundPolicy): void;
  /** The control plane knows no policy for the target, or serves none at all. */
  onNone(): void;
  onUnread: OnUnreadRoute;
}

/** Watches the policy of a target, as long as it is not closed. */
export function watchOutboundPolicy(
  target: { readonly host: string; readonly port: number },
  authority: string,
  { channel, workload }: PolicySource,
  clock: Clock,
  listener: OutboundPolicyListener,
): { readonly isLive: boolean; close(): void } {
  const ip = parseIp(target.host);
  return new Watch({
    channel,
    timers: clock,
    random: clock.random,
    method: OutboundPolicies.method.watch,
    request: create(TrafficSpecSchema, {
      sourceWorkload: workload,
      target:
        ip === undefined
          ? { case: 'authority', value: authority }
          : { case: 'addr', value: addressToApi(ip, target.port) },
    }),
    onMessage: (policy) => listener.onPolicy(outboundPolicyFromApi(policy, listener.onUnread)),
    onRefused: () => listener.onNone(),
    onLost: (code) => {
      if (code === Status.unimplemented) listener.onNone();
    },
  });
}
