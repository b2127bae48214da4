import { type DescMessage, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { Counter, type Registry } from 'prom-client';
import { InboundServerPolicies, ServerSchema } from '../../api/gen/inbound_pb.js';
import { OutboundPolicies, OutboundPolicySchema, type TrafficSpec } from '../../api/gen/outbound_pb.js';
import { addressFromApi } from '../destination/addresses.ts';
import { InvalidTarget, parseTarget, type Target, targetKey } from '../destination/target.ts';
import { type ServedService, serve } from '../serving/grpc-server.ts';
import { Code, GrpcError } from '../serving/grpc-status.ts';
import { type Refusal, SharedViews, type View } from '../serving/shared-views.ts';
import type { PolicyContext } from './context.ts';
import { serverPolicy } from './inbound/server-policy.ts';
import { outboundPolicy } from './outbound/outbound-policy.ts';
import { parseWorkload } from './workload.ts';

/** A message as of now with the topics that change it, or why there is none. */
type Answer<Message> = { readonly message: Message; readonly topics: readonly string[] } | Refusal;

export interface PolicyServices {
  readonly inbound: ServedService;
  readonly outbound: ServedService;
}

/**
 * The two gRPC services of policy: what workloads accept, and how they send. Both indexes must touch the same topics.
 * `onError` is told of a policy that cannot be made.
 */
export function policyServices(
  context: PolicyContext,
  registry: Registry,
  onError: (key: string, error: Error) => void = () => {},
): PolicyServices {
  const overflows = new Counter({
    name: 'policy_updates_queue_overflow',
    help: 'Streams ended because their client read too slowly.',
    registers: [registry],
  });
  const { cluster, config } = context;
  const views = new SharedViews({
    subscribe: (topics, listener) => cluster.subscribe(topics, listener),
    onError,
    onOverflow: () => overflows.inc(),
  });

  const inboundAnswer = (workload: string, port: number): Answer<MessageShape<typeof ServerSchema>> => {
    const ref = parseWorkload(workload);
    if (ref === undefined || port < 1 || port > 65_535) {
      return { code: Code.invalidArgument, details: `invalid workload or port: ${workload.slice(0, 300)} ${port}` };
    }
    const pod = cluster.pods.get(`${ref.namespace}/${ref.pod}`);
    if (pod === undefined) {
      return { code: Code.notFound, details: `unknown workload ${ref.namespace}/${ref.pod}` };
    }
    const { server, topics } = serverPolicy(pod, port, context);
    return {
      message: server,
      topics: [`pod ${ref.namespace}/${ref.pod}`, `namespace ${ref.namespace}`, ...topics],
    };
  };

  const outboundAnswer = (
    target: Target,
    clientNamespace: string | undefined,
  ): Answer<MessageShape<typeof OutboundPolicySchema>> => {
    const { policy, topics, policyTopics } = outboundPolicy(target, clientNamespace, context);
    if (policy === undefined) return { code: Code.notFound, details: 'No such service' };
    return { message: policy, topics: [...topics, ...policyTopics] };
  };

  return {
    inbound: serve(InboundServerPolicies, {
      getPort: ({ workload, port }) => only(inboundAnswer(workload, port)),
      watchPort({ workload, port }, stream) {
        const ref = parseWorkload(workload);
        const key = `in ${ref?.namespace}/${ref?.pod} ${port}`;
        views.serve(key, () => encoded(ServerSchema, inboundAnswer(workload, port)), stream);
      },
    }),
    outbound: serve(OutboundPolicies, {
      get(spec) {
        return only(outboundAnswer(targetOf(spec, config.clusterDomain), clientNamespaceOf(spec)));
      },
      watch(spec, stream) {
        const target = targetOf(spec, config.clusterDomain);
        const namespace = clientNamespaceOf(spec);
        const key = `out ${namespace ?? ''} ${targetKey(target)}`;
        views.serve(key, () => encoded(OutboundPolicySchema, outboundAnswer(target, namespace)), stream);
      },
    }),
  };
}

const clientNamespaceOf = ({ sourceWorkload }: TrafficSpec): string | undefined =>
  parseWorkload(sourceWorkload)?.namespace;

function only<Message>(answer: Answer<Message>): Message {
  if ('code' in answer) throw new GrpcError(answer.code, answer.details);
  return answer.message;
}

function encoded<Desc extends DescMessage>(schema: Desc, answer: Answer<MessageShape<Desc>>): View | Refusal {
  if ('code' in answer) return answer;
  return { message: Buffer.from(toBinary(schema, answer.message)), topics: answer.topics };
}

/** The target. Throws a GrpcError that says what is wrong with it. */
function targetOf(spec: TrafficSpec, clusterDomain: string): Target {
  const invalid = (message: string): GrpcError => new GrpcError(Code.invalidArgument, message);
  if (spec.target.case === 'addr') {
    const address = addressFromApi(spec.target.value);
    if (address === undefined) throw invalid('the target has no address');
    return { kind: 'ip', ...address };
  }
  if (spec.target.case !== 'authority') throw invalid('the request names no target');
  try {
    return parseTarget(spec.target.value, clusterDomain);
  } catch (error) {
    if (error instanceof InvalidTarget) throw invalid(error.message);
    throw error;
  }
}
