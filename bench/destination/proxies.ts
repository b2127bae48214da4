import { create, toBinary } from '@bufbuild/protobuf';
import { Client, type ClientReadableStream, credentials, type ServiceError } from '@grpc/grpc-js';
import { GetDestinationSchema } from '../../api/gen/destination_pb.js';

export interface Proxies {
  /** Resolves when every proxy was told all endpoints once. */
  readonly ready: Promise<void>;
  /** Resolves with how long after `from` each proxy was told the next change, in milliseconds. */
  next(from: number, limitMs: number): Promise<Float64Array>;
  readonly bytes: () => number;
  close(): void;
}

/** What this measures is the sending: messages are counted, not decoded. */
const raw = (bytes: Buffer): Buffer => bytes;

/** Stand-ins of proxies, each with a connection of its own, that follow one target from one of three zones. */
export function startProxies(port: number, count: number, path: string, snapshotMessages: number): Proxies {
  const clients: Client[] = [];
  const calls: ClientReadableStream<Buffer>[] = [];
  let bytes = 0;
  let onChange: (proxy: number) => void = () => {};
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});

  const start = (index: number): Promise<void> =>
    new Promise((done) => {
      const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
        'grpc.use_local_subchannel_pool': 1,
      });
      clients.push(client);
      const contextToken = JSON.stringify({ ns: 'shop', nodeName: `n${index % 3}`, pod: `client-${index}` });
      const request = Buffer.from(toBinary(GetDestinationSchema, create(GetDestinationSchema, { path, contextToken })));
      const call = client.makeServerStreamRequest('/io.linkerd.proxy.destination.Destination/Get', raw, raw, request);
      calls.push(call);
      let messages = 0;
      call.on('data', (message: Buffer) => {
        bytes += message.length;
        messages++;
        if (messages === snapshotMessages) done();
        else if (messages > snapshotMessages) onChange(index);
      });
      call.on('error', (error: ServiceError) =>
        failed.reject(new Error(`proxy ${index} was cut off: ${error.message}`)),
      );
    });
  /** Proxies that start at the same time; the others follow as these have their endpoints. */
  const atOnce = 20;
  const startAll = async (): Promise<void> => {
    let next = 0;
    const starter = async (): Promise<void> => {
      while (next < count) await start(next++);
    };
    await Promise.all(Array.from({ length: atOnce }, starter));
  };

  return {
    ready: Promise.race([startAll(), failed.promise]),
    next(from, limitMs) {
      const delays = new Float64Array(count);
      let left = count;
      const told = Promise.withResolvers<Float64Array>();
      const timer = setTimeout(
        () => told.reject(new Error(`${left} of ${count} proxies were not told a change within ${limitMs} ms`)),
        limitMs,
      );
      onChange = (proxy) => {
        delays[proxy] = performance.now() - from;
        if (--left === 0) told.resolve(delays);
      };
      return Promise.race([told.promise, failed.promise]).finally(() => clearTimeout(timer));
    },
    bytes: () => bytes,
    close() {
      for (const call of calls) call.on('error', () => {}).cancel();
      for (const client of clients) client.close();
    },
  };
}
