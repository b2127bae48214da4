import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { type TapEvent, TapEvent_ProxyDirection, TapEventSchema } from '../../api/gen/tap_pb.js';
import {
  ApiErrorSchema,
  type Resource,
  type TapByResourceRequest,
  TapByResourceRequestSchema,
} from '../../api/gen/viz_tap_pb.js';
import { destinationLabel } from '../../api/tap/observe-request.ts';
import { ApiError } from '../../control-plane/kubernetes/api.ts';
import type { Answer } from '../../control-plane/kubernetes/connections.ts';
import { textOf } from '../../control-plane/kubernetes/status-error.ts';
import { type Cluster, explain } from '../cluster/cluster.ts';
import { forwardPort } from '../cluster/port-forward.ts';
import { printable } from '../table.ts';
import { CommandError, UsageError } from '../terminal.ts';
import { FrameReader } from './frames.ts';
import type { RunningTap, TapHandlers, TapSource, WayToServer } from './source.ts';

const maxErrorBytes = 64 * 1024;

/** The API `tap.linkerd.io` of a cluster: that of the tap component, or of Linkerd's viz extension. */
export function clusterTaps(cluster: Cluster): TapSource {
  return {
    namespace: cluster.namespace,
    tap: (request, handlers) => begin(cluster, request, handlers),
    wayTo: (event, tapped) => wayTo(cluster, event, tapped),
    close: () => cluster.client.close(),
  };
}

/**
 * By a port-forward, for which one has to have the right. It leads to pods that are tapped, of which the tap component says
 * who they are, and to no other: sidecars must not have users call whom they like.
 */
async function wayTo({ access }: Cluster, event: TapEvent, { type, name, ...of }: Resource): Promise<WayToServer> {
  const labels = event.destinationMeta?.labels ?? {};
  const { pod, namespace } = labels;
  const port = event.destination?.port;
  // Without a name, all of the kind are tapped.
  const own = labels[destinationLabel(type)];
  const isMeant = type === 'namespace' ? own === name : namespace === of.namespace && own === (name || own);
  const isTapped = event.proxyDirection === TapEvent_ProxyDirection.INBOUND && own !== undefined && isMeant;
  if (!isTapped || !isName(pod) || !isName(namespace) || port === undefined) {
    throw new Error('of a cluster, servers are asked that are tapped themselves');
  }
  const forward = await forwardPort(access, { namespace, pod, port });
  return { address: `127.0.0.1:${forward.port}`, problem: forward.problem, close: forward.close };
}

/** What is to be a part of a path. */
const isName = (text: string | undefined): text is string => /^[a-z0-9][a-z0-9.-]{0,252}$/.test(text ?? '');

function pathOf(request: TapByResourceRequest): string {
  const { type, name, namespace } = request.target!.resource!;
  if (request.target!.labelSelector !== '')
    throw new UsageError('--selector (-l) does not choose what is tapped: name it');
  const api = '/apis/tap.linkerd.io/v1alpha1/watch/namespaces';
  if (type === 'namespace') return `${api}/${name}/tap`;
  // A resource without a name has no path: all of a kind are asked for by their namespace, and by the body.
  return name === '' ? `${api}/${namespace}/tap` : `${api}/${namespace}/${type}s/${name}/tap`;
}

async function begin(cluster: Cluster, request: TapByResourceRequest, handlers: TapHandlers): Promise<RunningTap> {
  const path = pathOf(request);
  const over = new AbortController();
  const response = await answer(cluster, path, request, over.signal);
  const failed = response.headers['linkerd-error'] !== undefined;
  if (response.statusCode !== 200 && !failed) {
    throw new CommandError(`${cluster.title}: ${errorText(response.statusCode, await bodyOf(response))}`);
  }
  const { warning, 'content-type': type } = response.headers;
  if (type?.startsWith('text/')) {
    throw new CommandError(`${cluster.title}: the answer is no tap: ${textOf(await bodyOf(response))}`);
  }
  if (typeof warning === 'string') handlers.onProblem(/"(.*)"/.exec(warning)?.[1] ?? warning);
  const ended = Promise.withResolvers<void>();
  const fail = (message: string): void => {
    ended.reject(new CommandError(message));
    over.abort();
  };
  const reader = new FrameReader((message) => {
    if (failed) fail(printable(fromBinary(ApiErrorSchema, message).error.trim()));
    else handlers.onEvent(fromBinary(TapEventSchema, message));
  });
  response.on('data', (chunk: Buffer) => {
    try {
      reader.push(chunk);
    } catch (error) {
      fail(`${cluster.title}: the answer is no tap: ${(error as Error).message}`);
    }
  });
  response.on('error', (error) => fail(`${cluster.title}: the tap broke off: ${error.message}`));
  response.on('end', () => fail(`${cluster.title}: the tap ended: no sidecar is left that can be tapped`));
  const running = { ended: ended.promise, close: () => over.abort() };
  // Who does not wait for it must not be ended by it.
  ended.promise.catch(() => {});
  if (failed) await ended.promise;
  return running;
}

async function answer(
  cluster: Cluster,
  path: string,
  request: TapByResourceRequest,
  signal: AbortSignal,
): Promise<Answer> {
  const body = toBinary(TapByResourceRequestSchema, request);
  try {
    return await cluster.client.exchange(path, body, 'application/octet-stream', signal);
  } catch (error) {
    throw error instanceof ApiError ? new CommandError(explain(error, cluster)) : error;
  }
}

async function bodyOf(response: Answer): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxErrorBytes) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function errorText(status: number, body: string): string {
  if (status === 404 || status === 503) {
    return "there is no tap API, or it does not answer: install the mesh with '--tap' ('tulle upgrade --tap | kubectl apply -f -')";
  }
  let message: unknown;
  try {
    const { error, message: told } = JSON.parse(body) as { error?: unknown; message?: unknown };
    message = error ?? told;
  } catch {
    message = undefined;
  }
  const text = typeof message === 'string' ? printable(message) : `HTTP status ${status}: ${textOf(body)}`;
  if (status === 401)
    return `${text} (the credentials are not accepted: log in again, or choose others with --context)`;
  if (status !== 403) return text;
  const right = text.includes('/tap-bodies') ? 'verb create on the subresource tap-bodies' : 'verb watch';
  return `${text}; who may has the ${right} of the API group tap.linkerd.io there`;
}
