import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { Server, ServerCredentials, type ServerWritableStream, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  Destination,
  type GetDestination,
  GetDestinationSchema,
  UpdateSchema,
} from '../../../api/gen/destination_pb.js';
import { CertifyRequestSchema, CertifyResponseSchema, Identity } from '../../../api/gen/identity_pb.js';
import { grpcHandlers, grpcService } from '../../../api/grpc.ts';
import { FakeClock } from '../../testing/fake-clock.ts';
import { FieldTable } from '../../wire/field-table.ts';
import { NodeTransport, NodeTurn } from '../../wire/testing/node-transport.ts';
import type { Connection } from '../../wire/transport.ts';
import { GrpcChannel } from './grpc-channel.ts';

let server: Server;
let port: number;
let clock: FakeClock;
let dials: number;
let sockets: Socket[];
let channel: GrpcChannel;
let streams: ServerWritableStream<GetDestination, unknown>[];

const request = create(GetDestinationSchema, { path: 'web.shop.svc.cluster.local:80' });
const certify = (identity: string) => channel.unary(Identity.method.certify, certifyRequest(identity), 1000);
const certifyRequest = (identity: string) => create(CertifyRequestSchema, { identity });

beforeEach(async () => {
  streams = [];
  sockets = [];
  dials = 0;
  clock = new FakeClock();
  server = new Server();
  server.addService(
    grpcService(Identity),
    grpcHandlers(Identity, {
      certify(call, reply) {
        const { identity } = call.request;
        if (identity === 'refused') reply({ code: status.FAILED_PRECONDITION, details: 'nicht für dich' });
        else if (identity !== 'silent')
          reply(null, create(CertifyResponseSchema, { leafCertificate: Buffer.from(identity.repeat(50_000)) }));
      },
    }) as never,
  );
  server.addService(
    grpcService(Destination),
    grpcHandlers(Destination, {
      get: (call) => void streams.push(call as never),
      getProfile: (call) => void call.emit('error', { code: status.NOT_FOUND, details: 'no such' }),
    }) as never,
  );
  port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  channel = channelTo(() => port);
});
afterEach(() => {
  channel.close();
  server.forceShutdown();
  for (const socket of sockets) socket.destroy();
});

function channelTo(portNow: () => number): GrpcChannel {
  return new GrpcChannel({
    authority: `127.0.0.1:${port}`,
    scheme: 'http',
    turn: new NodeTurn(),
    fields: new FieldTable(1),
    clock,
    connect: (onConnected, onFailed) => {
      dials++;
      const socket = connect(portNow(), '127.0.0.1');
      sockets.push(socket);
      socket.once('connect', () => onConnected(new NodeTransport(socket) as unknown as Connection));
      socket.once('error', (error) => onFailed(error.message));
    },
  });
}

/** Opens a stream of updates, and tells what comes of it. */
function watch(method = Destination.method.get) {
  const seen = { paths: [] as boolean[], leaving: 0, ended: undefined as [number, string] | undefined };
  const cancel = channel.stream(method as typeof Destination.method.get, request, {
    onMessage: (update) => seen.paths.push(update.update.case === 'noEndpoints'),
    onEnd: (code, detail) => {
      seen.ended = [code, detail];
    },
    onLeaving: () => {
      seen.leaving++;
    },
  });
  return { seen, cancel };
}
const noEndpoints = () => create(UpdateSchema, { update: { case: 'noEndpoints', value: { exists: true } } });

describe('a gRPC channel to a real server', () => {
  it('answers unary calls, large ones too, over one connection', async () => {
    const [a, b] = await Promise.all([certify('a'), certify('bb')]);
    expect([a.leafCertificate.length, b.leafCertificate.length]).toEqual([50_000, 100_000]);
    expect(dials).toBe(1);
  });

  it('rejects with the code and the message of the server', async () => {
    await expect(certify('refused')).rejects.toMatchObject({ code: 9, message: 'nicht für dich (gRPC status 9)' });
  });

  it('gives up a unary call at its deadline, on both sides', async () => {
    await certify('a');
    const silent = certify('silent');
    const caught = expect(silent).rejects.toMatchObject({ code: 4 });
    clock.advance(1000);
    await caught;
  });

  it('hands on the messages of a stream until the server ends it', async () => {
    const { seen } = watch();
    await vi.waitFor(() => expect(streams).toHaveLength(1));
    expect(streams[0].request.path).toBe(request.path);
    streams[0].write(noEndpoints());
    streams[0].write(noEndpoints());
    await vi.waitFor(() => expect(seen.paths).toEqual([true, true]));
    streams[0].end();
    await vi.waitFor(() => expect(seen.ended).toEqual([0, 'OK']));
  });

  it('ends a stream with the status that the server gives instead of messages', async () => {
    const { seen } = watch(Destination.method.getProfile as never);
    await vi.waitFor(() => expect(seen.ended).toEqual([5, 'no such']));
  });

  it('goes on over another connection when so many calls were cancelled that one takes no more', async () => {
    const kept = watch();
    await vi.waitFor(() => expect(streams).toHaveLength(1));
    for (let i = 0; i < 400; i++) {
      watch().cancel();
      if (i % 50 === 0) await certify('a');
    }
    expect((await certify('a')).leafCertificate.length).toBe(50_000);
    expect([dials, kept.seen.ended]).toEqual([2, undefined]);
    streams[0].write(noEndpoints());
    await vi.waitFor(() => expect(kept.seen.paths).toEqual([true]));
  });

  it('cancels a stream on the server, and says nothing more of it here', async () => {
    const { seen, cancel } = watch();
    await vi.waitFor(() => expect(streams).toHaveLength(1));
    const cancelled = new Promise((resolve) => streams[0].on('cancelled', resolve));
    cancel();
    await cancelled;
    expect(seen.ended).toBeUndefined();
  });

  it('ends every stream UNAVAILABLE when the connection is lost, and connects anew for the next call', async () => {
    const { seen } = watch();
    await vi.waitFor(() => expect(streams).toHaveLength(1));
    sockets[0].destroy();
    await vi.waitFor(() => expect(seen.ended?.[0]).toBe(14));
    expect((await certify('a')).leafCertificate).toHaveLength(50_000);
    expect(dials).toBe(2);
  });

  it('ends waiting calls UNAVAILABLE with the reason when it cannot connect', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const nobody = (closed.address() as AddressInfo).port;
    await new Promise((resolve) => closed.close(resolve));
    channel = channelTo(() => nobody);
    await expect(certify('a')).rejects.toMatchObject({ code: 14, message: expect.stringContaining('ECONNREFUSED') });
    expect(dials).toBe(1);
  });

  it('notices a frozen server by its silence', async () => {
    const { seen } = watch();
    await vi.waitFor(() => expect(streams).toHaveLength(1));
    sockets[0].pause();
    clock.advance(10_000);
    expect(seen.ended).toBeUndefined();
    clock.advance(3001);
    await vi.waitFor(() => expect(seen.ended?.[0]).toBe(14));
  });

  it('tells the streams of a connection that is old, which go on, and makes calls over another one', async () => {
    const { seen, cancel } = watch();
    await vi.waitFor(() => expect(streams).toHaveLength(1));
    clock.standStill(15 * 60_000 - 1);
    clock.advance(0);
    expect(seen.leaving).toBe(0);
    clock.advance(5000);
    await certify('a');
    expect([dials, seen.leaving]).toEqual([2, 0]);
    clock.advance(2500);
    expect(seen.leaving).toBe(1);
    clock.advance(10_000);
    streams[0].write(noEndpoints());
    await vi.waitFor(() => expect(seen.paths).toEqual([true]));
    expect([seen.leaving, seen.ended]).toEqual([1, undefined]);
    // Nobody needs it any more once its last stream has ended.
    const closed = new Promise((resolve) => sockets[0].once('close', resolve));
    cancel();
    await closed;
  });

  it('tells the streams of a connection that the server leaves', async () => {
    const { seen } = watch();
    await vi.waitFor(() => expect(streams).toHaveLength(1));
    server.tryShutdown(() => {});
    // Until the GOAWAY has come, calls are made over this connection.
    await vi.waitFor(() => {
      clock.advance(5000);
      expect(seen.leaving).toBe(1);
    });
    expect(seen.ended).toBeUndefined();
  });

  it('lets streams under way go on when it drains, tells them, and takes no new ones', async () => {
    const { seen } = watch();
    await vi.waitFor(() => expect(streams).toHaveLength(1));
    channel.drain();
    clock.advance(5000);
    expect(seen.leaving).toBe(1);
    await expect(certify('a')).rejects.toMatchObject({ code: 14 });
    streams[0].write(noEndpoints());
    await vi.waitFor(() => expect(seen.paths).toEqual([true]));
  });
});

describe('streams that never end', () => {
  const answer = create(UpdateSchema, { update: { case: 'noEndpoints', value: { exists: true } } });
  /** Opens a stream and waits for its first message. */
  const opened = async (): Promise<() => void> => {
    const index = streams.length;
    const told: string[] = [];
    const cancel = channel.stream(Destination.method.get, request, {
      onMessage: () => told.push('message'),
      onEnd: (_code, detail) => told.push(detail),
    });
    await vi.waitFor(() => expect(streams.length).toBe(index + 1), { timeout: 3000, interval: 1 });
    streams[index].write(answer);
    await vi.waitFor(() => expect(told).toEqual(['message']), { timeout: 3000, interval: 1 });
    return cancel;
  };

  it('may be more than one connection carries', async () => {
    for (let i = 0; i < 250; i++) await opened();
    expect(dials).toBe(3);
  }, 20_000);

  it('do not keep new ones from the server when many others have been cancelled', async () => {
    await opened();
    for (let i = 0; i < 700; i++) (await opened())();
    expect(dials).toBeLessThanOrEqual(3);
  }, 20_000);
});
