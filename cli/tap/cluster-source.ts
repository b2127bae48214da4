import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { TapEventSchema } from '../../api/gen/tap_pb.js';
import { ApiErrorSchema, type TapByResourceRequest, TapByResourceRequestSchema } from '../../api/gen/viz_tap_pb.js';
import type { Cluster } from '../cluster/cluster.ts';
import { printable } from '../table.ts';
import { CommandError, UsageError } from '../terminal.ts';
import { FrameReader } from './frames.ts';
import type { RunningTap, TapHandlers, TapSource } from './source.ts';

const answerTimeoutMs = 30_000;
const maxErrorBytes = 64 * 1024;

/** The API `tap.linkerd.io` of a cluster: that of the tap component, or of Linkerd's viz extension. */
export function clusterTaps(cluster: Cluster): TapSource {
  return {
    namespace: cluster.namespace,
    tap: (request, handlers) => begin(cluster, request, handlers),
    close: () => cluster.client.close(),
  };
}

function pathOf(request: TapByResourceRequest): string {
  const { type, name, namespace } = request.target!.resource!;
  if (name === '') {
    throw new UsageError(`of a cluster, name what is tapped: ${type}/<name>, or all of the namespace: ns/${namespace}`);
  }
  if (request.target!.labelSelector !== '')
    throw new UsageError('--selector (-l) does not choose what is tapped: name it');
  const api = '/apis/tap.linkerd.io/v1alpha1/watch/namespaces';
  return type === 'namespace' ? `${api}/${name}/tap` : `${api}/${namespace}/${type}s/${name}/tap`;
}

async function begin(cluster: Cluster, request: TapByResourceRequest, handlers: TapHandlers): Promise<RunningTap> {
  const path = pathOf(request);
  const over = new AbortController();
  const response = await answer(cluster, path, Buffer.from(toBinary(TapByResourceRequestSchema, request)), over);
  const failed = response.headers['linkerd-error'] !== undefined;
  if (response.statusCode !== 200 && !failed) {
    throw new CommandError(`${cluster.title}: ${errorText(response.statusCode ?? 0, await bodyOf(response))}`);
  }
  const { warning } = response.headers;
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

function answer(
  { access, title }: Cluster,
  path: string,
  body: Buffer,
  over: AbortController,
): Promise<IncomingMessage> {
  const { ca, cert, key, token } = access.credentials();
  const target = new URL(access.url.pathname.replace(/\/$/, '') + path, access.url);
  const isSecure = target.protocol === 'https:';
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const outgoing = (isSecure ? https : http).request(target, {
    method: 'POST',
    headers: {
      ...access.headers,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      'content-type': 'application/octet-stream',
      'content-length': body.length,
    },
    agent: false,
    signal: over.signal,
    ...(isSecure ? { ca, cert, key, servername: access.serverName, rejectUnauthorized: !access.insecure } : {}),
  });
  const timer = setTimeout(
    () => outgoing.destroy(new Error(`no answer within ${answerTimeoutMs} ms`)),
    answerTimeoutMs,
  );
  outgoing.once('response', (response) => {
    clearTimeout(timer);
    resolve(response);
  });
  outgoing.on('error', (error) => {
    clearTimeout(timer);
    reject(
      new CommandError(`${title}: ${error.message} (is the cluster up? --context and --kubeconfig choose another)`),
    );
  });
  outgoing.end(body);
  return promise;
}

async function bodyOf(response: IncomingMessage): Promise<string> {
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
  const text = typeof message === 'string' ? printable(message) : `HTTP status ${status}`;
  return status === 403 ? `${text}; who may has the verb watch on the API group tap.linkerd.io there` : text;
}
