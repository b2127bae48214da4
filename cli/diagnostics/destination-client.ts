import { setTimeout as sleep } from 'node:timers/promises';
import type { DescMessage, DescMethod, MessageShape } from '@bufbuild/protobuf';
import { credentials } from '@grpc/grpc-js';
import { GrpcClient } from '../../api/grpc.ts';
import { CommandError } from '../terminal.ts';
import type { ComponentPort, DiagnosedMesh } from './mesh.ts';

const timeoutMs = 15_000;
/** A first answer may come in several messages; after this time without another one it is whole. */
const quietMs = 500;

type StreamMethod<Input extends DescMessage, Output extends DescMessage> = DescMethod & {
  methodKind: 'server_streaming';
  input: Input;
  output: Output;
};

/**
 * What the destination component answers first on a stream: the messages until it is quiet. Rejects with a CommandError
 * that says what the component, or the way to it, said.
 */
export async function firstAnswer<Input extends DescMessage, Output extends DescMessage>(
  mesh: DiagnosedMesh,
  component: ComponentPort,
  method: StreamMethod<Input, Output>,
  request: MessageShape<Input>,
): Promise<MessageShape<Output>[]> {
  const way = await mesh.wayTo(component);
  const client = new GrpcClient(`${way.host}:${way.port}`, credentials.createInsecure(), {
    'grpc.enable_retries': 0,
    // An answer by a proxy of the shell's environment would not be the component's.
    'grpc.enable_http_proxy': 0,
  });
  try {
    return await collect(client.stream(method, request));
  } catch (error) {
    const { details, message } = error as Error & { details?: string };
    throw new CommandError(`${mesh.title}: ${way.pod}: ${way.problem() ?? details ?? message}`);
  } finally {
    client.close();
    way.close();
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
