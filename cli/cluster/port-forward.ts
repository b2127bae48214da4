import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import WebSocket from 'ws';
import { authorizationOf } from '../../control-plane/kubernetes/server-access.ts';
import { readBody, statusError } from '../../control-plane/kubernetes/status-error.ts';
import type { ClusterAccess } from './kubeconfig-access.ts';
import { isOfApiServer, refusalText } from './refusal.ts';

/** The kubelet's protocol: a byte that says the channel stands before each message (kubelet, portforward/websocket.go). */
const protocol = 'v4.channel.k8s.io';
const dataChannel = 0;
const errorChannel = 1;
/** The first message of each channel is the port, in two bytes. */
const portBytes = 2;

const handshakeTimeoutMs = 10_000;
const maxMessageBytes = 16 * 1024 * 1024;
/** What may wait to be sent before the other side is not read any more. */
const maxQueuedBytes = 1024 * 1024;

export interface PodPort {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
}

export interface PortForward {
  /** On 127.0.0.1; each connection to it is one to the pod. */
  readonly port: number;
  /** Why the last connection could not be made or broke; undefined when none has. */
  readonly problem: () => string | undefined;
  close(): void;
}

/** Leads connections to a port of this machine to a port of a pod, by the API server. */
export async function forwardPort(access: ClusterAccess, target: PodPort): Promise<PortForward> {
  let problem: string | undefined;
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    join(socket, connect(access, target), `GET ${pathOf(target)}`, (message) => {
      problem ??= `${target.namespace}/${target.pod}:${target.port}: ${message}`;
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    problem: () => problem,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

const pathOf = ({ namespace, pod }: PodPort): string => `/api/v1/namespaces/${namespace}/pods/${pod}/portforward`;

function connect(access: ClusterAccess, target: PodPort): WebSocket {
  const credentials = access.credentials();
  const { ca, cert, key } = credentials;
  const url = new URL(access.url);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.pathname = url.pathname.replace(/\/$/, '') + pathOf(target);
  url.search = `ports=${target.port}`;
  return new WebSocket(url, [protocol], {
    ...{ ca, cert, key, servername: access.serverName, rejectUnauthorized: !access.insecure },
    headers: { ...access.headers, ...authorizationOf(credentials) },
    agent: access.agent?.(),
    handshakeTimeout: handshakeTimeoutMs,
    maxPayload: maxMessageBytes,
    perMessageDeflate: false,
  });
}

/** Passes bytes on between the two until one of them ends; neither is read faster than the other takes. `call` is theirs. */
function join(socket: Socket, remote: WebSocket, call: string, onProblem: (message: string) => void): void {
  const end = (problem?: string): void => {
    if (problem !== undefined) onProblem(problem);
    socket.destroy();
    remote.terminate();
  };
  const opened = new Set<number>();
  socket.pause();
  remote.on('open', () => socket.resume());
  remote.on('unexpected-response', (_, response: IncomingMessage) => {
    readBody(response, maxMessageBytes).then(
      (body) => {
        const error = statusError(call, response, body);
        end(error.status === 403 && isOfApiServer(error) ? `${error.message} (${refusalText(error)})` : error.message);
      },
      (error: Error) => end(error.message),
    );
  });
  remote.on('message', (message: Buffer) => {
    const [channel] = message;
    const bytes = message.subarray(1);
    if (!opened.has(channel)) {
      opened.add(channel);
      if (bytes.length !== portBytes) end(`channel ${channel} does not begin with a port`);
      return;
    }
    if (channel === errorChannel) return end(bytes.toString('utf8').trim());
    if (channel !== dataChannel || socket.write(bytes)) return;
    remote.pause();
    socket.once('drain', () => remote.resume());
  });
  socket.on('data', (bytes: Buffer) => {
    const message = Buffer.allocUnsafe(bytes.length + 1);
    message[0] = dataChannel;
    bytes.copy(message, 1);
    remote.send(message, () => {
      if (socket.isPaused() && remote.bufferedAmount < maxQueuedBytes) socket.resume();
    });
    if (remote.bufferedAmount >= maxQueuedBytes) socket.pause();
  });
  remote.on('error', (error) => end(error.message));
  remote.on('close', () => socket.end());
  socket.on('close', () => remote.close());
  socket.on('error', () => remote.terminate());
}
