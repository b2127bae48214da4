import { type DescMessage, type MessageShape, toJsonString } from '@bufbuild/protobuf';
import { type ServerWritableStream, status } from '@grpc/grpc-js';
import { Counter, type Registry } from 'prom-client';
import { InboundServerPolicies, ServerSchema } from '../../api/gen/inbound_pb.js';
import { OutboundPolicies, OutboundPolicySchema, type TrafficSpec } from '../../api/gen/outbound_pb.js';
import { grpcHandlers, type ServiceHandlers } from '../../api/grpc.ts';
import { addressFromApi } from '../destination/addresses.ts';
import { InvalidTarget, parseTarget, type Target } from '../destination/target.ts';
import { BoundedStream } from '../streams.ts';
import type { PolicyContext } from './context.ts';
import { serverPolicy } from './inbound/server-policy.ts';
import { outboundPolicy } from './outbound/outbound-policy.ts';
import { parseWorkload } from './workload.ts';

/** A message as of now with the topics that change it, or why there is none. */
type View<Message> =
  | {
      readonly message: Message;
      /** Of the cluster's index, and of that of policy. */
      readonly topics: readonly string[];
      readonly policyTopics: readonly string[];
    }
  | Refusal;
interface Refusal {
  readonly code: number;
  readonly details: string;
}

/** The two gRPC services of policy: what workloads accept, and how they send. */
export function policyServices(
  context: PolicyContext,
  registry: Registry,
): {
  inbound: ServiceHandlers<typeof InboundServerPolicies.method>;
  outbound: ServiceHandlers<typeof OutboundPolicies.method>;
} {
  const overflows = new Counter({
    name: 'policy_updates_queue_overflow',
    help: 'Streams ended because their client read too slowly.',
    registers: [registry],
  });

  const { cluster, policy, config } = context;

  const inboundView = (workload: string, port: number): View<MessageShape<typeof ServerSchema>> => {
    const ref = parseWorkload(workload);
    if (ref === undefined || port < 1 || port > 65_535) {
      return { code: status.INVALID_ARGUMENT, details: `invalid workload or port: ${workload} ${port}` };
    }
    const pod = cluster.pods.get(`${ref.namespace}/${ref.pod}`);
    if (pod === undefined) {
      return { code: status.NOT_FOUND, details: `unknown workload ${ref.namespace}/${ref.pod}` };
    }
    const { server, topics } = serverPolicy(pod, port, context);
    return {
      message: server,
      topics: [`pod ${ref.namespace}/${ref.pod}`, `namespace ${ref.namespace}`],
      policyTopics: topics,
    };
  };

  const outboundView = (spec: TrafficSpec): View<MessageShape<typeof OutboundPolicySchema>> => {
    const target = targetOf(spec, config.clusterDomain);
    if (typeof target === 'string') return { code: status.INVALID_ARGUMENT, details: target };
    const client = parseWorkload(spec.sourceWorkload);
    const view = outboundPolicy(target, client?.namespace, context);
    if (view.policy === undefined) return { code: status.NOT_FOUND, details: 'No such service' };
    return { message: view.policy, topics: view.topics, policyTopics: view.policyTopics };
  };

  /** Sends the view whenever it changes. A target that comes to be unknown ends the stream: the client asks again. */
  function watch<Desc extends DescMessage>(
    call: ServerWritableStream<never, MessageShape<Desc>>,
    schema: Desc,
    view: () => View<MessageShape<Desc>>,
  ): void {
    let unsubscribe = (): void => {};
    let sent = '';
    const stream = new BoundedStream(
      call,
      () => overflows.inc(),
      () => unsubscribe(),
    );
    const refresh = (): void => {
      const current = view();
      unsubscribe();
      if ('code' in current) {
        stream.fail(current.code, current.details);
        return;
      }
      const stops = [
        cluster.subscribe(current.topics, refresh),
        policy.topics.subscribe(current.policyTopics, refresh),
      ];
      unsubscribe = () => {
        for (const stop of stops) stop();
      };
      const text = toJsonString(schema, current.message);
      if (text === sent) return;
      sent = text;
      stream.send(current.message);
    };
    refresh();
  }

  return {
    inbound: grpcHandlers(InboundServerPolicies, {
      getPort(call, reply) {
        const view = inboundView(call.request.workload, call.request.port);
        if ('code' in view) reply({ code: view.code, details: view.details });
        else reply(null, view.message);
      },
      watchPort(call) {
        const { workload, port } = call.request;
        watch(call as never, ServerSchema, () => inboundView(workload, port));
      },
    }),
    outbound: grpcHandlers(OutboundPolicies, {
      get(call, reply) {
        const view = outboundView(call.request);
        if ('code' in view) reply({ code: view.code, details: view.details });
        else reply(null, view.message);
      },
      watch(call) {
        const spec = call.request;
        watch(call as never, OutboundPolicySchema, () => outboundView(spec));
      },
    }),
  };
}

/** The target, or what is wrong with it. */
function targetOf(spec: TrafficSpec, clusterDomain: string): Target | string {
  if (spec.target.case === 'addr') {
    const address = addressFromApi(spec.target.value);
    return address === undefined ? 'the target has no address' : { kind: 'ip', ...address };
  }
  if (spec.target.case !== 'authority') return 'the request names no target';
  try {
    return parseTarget(spec.target.value, clusterDomain);
  } catch (error) {
    if (error instanceof InvalidTarget) return error.message;
    throw error;
  }
}
