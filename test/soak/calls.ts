import { type Agent, request } from 'node:http';
import { connect } from 'node:net';
import { create } from '@bufbuild/protobuf';
import WebSocket from 'ws';
import type { EchoClient } from '../clients/echo.ts';
import { EchoRequestSchema } from '../clients/gen/test/echo/v1/echo_pb.js';
import type { SeededRandom } from './random.ts';

/** Where calls go: through the outbound listener at `proxy`, to the ports of one Service. */
export interface Target {
  readonly proxy: string;
  readonly host: string;
  readonly httpPort: number;
  readonly tcpPort: number;
  readonly grpc: EchoClient;
}

/** One call. Rejects when it fails; `abandon` aborts when the client is to give it up. */
export type Call = (target: Target, random: SeededRandom, abandon: AbortSignal) => Promise<void>;

const noise = Buffer.alloc(1024 * 1024, 'what is sent comes back as it was ');
/** Longest that a call may take: one that hangs is a failure. */
const timeoutMs = 15_000;

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

const overHttp =
  (agent: Agent | false): Call =>
  ({ proxy, host, httpPort }, random, signal) => {
    const bytes = random.between(0, 200_000);
    const upload = random.chance(0.4);
    return new Promise((resolve, reject) => {
      const asked = request({
        host: proxy,
        port: 4140,
        agent,
        signal,
        timeout: timeoutMs,
        method: upload ? 'POST' : 'GET',
        path: upload ? '/echo' : `/sized?bytes=${bytes}`,
        headers: { host: `${host}:${httpPort}` },
      });
      asked.on('timeout', () => asked.destroy(new Error('no answer')));
      asked.on('error', reject);
      asked.on('response', (response) => {
        let read = 0;
        response.on('data', (chunk) => {
          read += chunk.length;
        });
        response.on('error', reject);
        response.on('end', () => {
          if (response.statusCode === 200 && read === bytes) resolve();
          else
            reject(
              new Error(
                `status ${response.statusCode} (${response.headers['l5d-proxy-error'] ?? ''}), ${read} of ${bytes} bytes`,
              ),
            );
        });
      });
      asked.end(upload ? noise.subarray(0, bytes) : undefined);
    });
  };

const grpcUnary: Call = async ({ grpc }, random, signal) => {
  const payload = noise.subarray(0, random.between(0, 20_000));
  const { response } = await grpc.unary(create(EchoRequestSchema, { payload }), { signal, timeoutMs });
  check(response.payload.length === payload.length, 'another payload came back');
};

const grpcStream: Call = async ({ grpc }, random, signal) => {
  const count = random.between(1, 100);
  const payload = noise.subarray(0, random.between(1, 5000));
  let read = 0;
  async function* messages() {
    for (let i = 0; i < count; i++) yield create(EchoRequestSchema, { payload });
  }
  const answers = random.chance(0.5)
    ? grpc.repeat(create(EchoRequestSchema, { payload, count }), { signal, timeoutMs })
    : grpc.chat(messages(), { signal, timeoutMs });
  for await (const answer of answers) {
    check(answer.payload.length === payload.length, 'another payload came back');
    read++;
  }
  check(read === count, `${read} of ${count} messages came`);
};

const webSocket: Call = ({ proxy, host, httpPort }, random, signal) => {
  const count = random.between(1, 20);
  const message = noise.subarray(0, random.between(0, 50_000));
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://${host}:${httpPort}/`, { createConnection: () => connect(4140, proxy) });
    const timer = setTimeout(() => fail(new Error('no answer')), timeoutMs);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      socket.terminate();
      reject(error);
    };
    signal.addEventListener('abort', () => fail(new Error('abandoned')));
    let read = 0;
    socket.on('error', fail);
    socket.on('open', () => socket.send(message));
    socket.on('message', (data: Buffer) => {
      if (data.length !== message.length) fail(new Error('another message came back'));
      else if (++read < count) socket.send(message);
      else socket.close(1000);
    });
    socket.on('close', (code) => {
      clearTimeout(timer);
      if (code === 1000 && read === count) resolve();
      else fail(new Error(`closed with ${code} after ${read} of ${count} messages`));
    });
  });
};

const opaqueTcp: Call = ({ proxy, host, tcpPort }, random, signal) => {
  const bytes = random.between(1, 300_000);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: proxy, port: 4140, allowHalfOpen: true });
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    signal.addEventListener('abort', () => fail(new Error('abandoned')));
    socket.setTimeout(timeoutMs, () => fail(new Error('no answer')));
    let head = '';
    let read = 0;
    socket.write(`CONNECT ${host}:${tcpPort} HTTP/1.1\r\nhost: ${host}:${tcpPort}\r\n\r\n`);
    socket.on('data', (chunk) => {
      if (head.endsWith('\r\n\r\n')) {
        read += chunk.length;
        return;
      }
      head += chunk.toString('latin1');
      if (!head.startsWith('HTTP/1.1 200')) fail(new Error(`refused: ${head.split('\r\n')[0]}`));
      else socket.end(noise.subarray(0, bytes));
    });
    socket.on('error', fail);
    socket.on('end', () => (read === bytes ? resolve() : fail(new Error(`${read} of ${bytes} bytes came back`))));
  });
};

/** What is called, how many at a time. `share` is that of calls that their client abandons at some point. */
export function mix(agent: Agent): readonly { name: string; call: Call; atOnce: number; share: number }[] {
  return [
    { name: 'HTTP/1 keep-alive', call: overHttp(agent), atOnce: 3, share: 0.05 },
    { name: 'HTTP/1 close', call: overHttp(false), atOnce: 1, share: 0.05 },
    { name: 'gRPC unary', call: grpcUnary, atOnce: 3, share: 0.05 },
    { name: 'gRPC stream', call: grpcStream, atOnce: 2, share: 0.1 },
    { name: 'WebSocket', call: webSocket, atOnce: 1, share: 0.1 },
    { name: 'opaque TCP', call: opaqueTcp, atOnce: 1, share: 0.1 },
  ];
}
