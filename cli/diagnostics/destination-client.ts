import { setTimeout as sleep } from 'node:timers/promises';
import type { DescMessage, DescMethod, MessageShape } from '@bufbuild/protobuf';
import { credentials } from '@grpc/grpc-js';
import { GrpcClient } from '../../api/grpc.ts';
import { componentLabel } from '../../lib/contract/labels.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { listAll } from '../cluster/objects.ts';
import { forwardPort } from '../cluster/port-forward.ts';
import { isRefused, refusalText } from '../cluster/refusal.ts';
import { CommandError } from '../terminal.ts';

const timeoutMs = 15_000;
/** A first answer may come in several messages; after this time without another one it is whole. */
const quietMs = 500;

type StreamMethod<Input extends DescMessage, Output extends DescMessage> = DescMethod & {
  methodKind: 'server_streaming';
  input: Input;
  output: Output;
};

export interface ComponentPod {
  /** A pod of the destination component; the first that is ready without it. */
  readonly pod?: string;
  readonly port: number;
}

/**
 * What the destination component answers first on a stream: the messages until it is quiet. Rejects with a CommandError
 * that says what the component, or the way to it, said.
 */
export async function firstAnswer<Input extends DescMessage, Output extends DescMessage>(
  cluster: Cluster,
  { pod, port }: ComponentPod,
  method: StreamMethod<Input, Output>,
  request: MessageShape<Input>,
): Promise<MessageShape<Output>[]> {
  const name = pod ?? (await readyPod(cluster));
  const forward = await forwardPort(cluster.access, { namespace: cluster.meshNamespace, pod: name, port });
  const client = new GrpcClient(`127.0.0.1:${forward.port}`, credentials.createInsecure(), {
    'grpc.enable_retries': 0,
    // An answer by a proxy of the shell's environment would not be the component's.
    'grpc.enable_http_proxy': 0,
  });
  try {
    return await collect(client.stream(method, request));
  } catch (error) {
    const { details, message } = error as Error & { details?: string };
    throw new CommandError(`${cluster.title}: ${name}: ${forward.problem() ?? details ?? message}`);
  } finally {
    client.close();
    forward.close();
  }
}

async function collect<T>(
  stream: AsyncIterable<T> & { cancel(): void; on(event: 'error', listener: (error: Error) => void): unknown },
): Promise<T[]> {
  const messages: T[] = [];
  const iterator = stream[Symbol.asyncIterator]();
  const over = new AbortController();
  // Once all is read, the cancelled stream's own error tells nothing.
  stream.on('error', () => {});
  try {
    for (;;) {
      const waitMs = messages.length === 0 ? timeoutMs : quietMs;
      const next = await Promise.race([
        iterator.next(),
        sleep(waitMs, undefined, { signal: over.signal }).then(() => undefined),
      ]);
      if (next === undefined && messages.length === 0) throw new Error(`no answer within ${timeoutMs / 1000} s`);
      if (next === undefined || next.done) return messages;
      messages.push(next.value);
    }
  } finally {
    over.abort();
    stream.cancel();
  }
}

async function readyPod({ client, meshNamespace, title }: Cluster): Promise<string> {
  const path = `/api/v1/namespaces/${meshNamespace}/pods`;
  const pods = await listAll<Pod>(client, path, { labelSelector: `${componentLabel}=destination` }).catch((error) => {
    if (!isRefused(error)) throw error;
    throw new CommandError(
      `${title}: no pod of the destination component can be looked for: ${refusalText(error)}; ` +
        'name one with --destination-pod, or be another with --as',
    );
  });
  const ready = pods.find(({ status }) =>
    status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True'),
  );
  if (ready !== undefined) return ready.metadata.name;
  throw new CommandError(
    `${title}: no pod of the destination component is ready in namespace ${meshNamespace}: see 'tulle check'`,
  );
}
