import { once } from 'node:events';
import http2 from 'node:http2';
import { create, toBinary } from '@bufbuild/protobuf';
import { expect } from 'vitest';
import { GetDestinationSchema } from '../../api/gen/destination_pb.js';
import { namespace, service, startTestDestination } from '../../control-plane/destination/testing.ts';
import { PolicyWorld } from '../../control-plane/policy/testing.ts';
import { vector } from './vector.ts';

const framed = (message: Uint8Array): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
};

/** Asks destination for a profile in many streams of one connection; resolves with their gRPC status, or 'open'. */
async function ask(port: number, bodies: readonly Buffer[]): Promise<string[]> {
  const client = http2.connect(`http://127.0.0.1:${port}`, { maxSessionMemory: 1000 });
  client.on('error', () => {});
  await once(client, 'connect');
  try {
    return await Promise.all(
      bodies.map(async (body) => {
        const stream = client.request({
          ':method': 'POST',
          ':path': `/io.linkerd.proxy.destination.Destination/GetProfile`,
          'content-type': 'application/grpc',
        });
        stream.on('error', () => {});
        let status = 'open';
        const told = new Promise<void>((resolve) => {
          stream.on('response', (headers) => {
            status = String(headers['grpc-status'] ?? 'open');
            resolve();
          });
          stream.on('close', resolve);
        });
        stream.end(body);
        stream.resume();
        await told;
        return status;
      }),
    );
  } finally {
    client.destroy();
  }
}

vector(
  {
    who: 'net',
    attack: 'streams whose context token has 1 MB, each another, so that it is kept as the key of a view',
    promise: 'each is refused, so that none is kept',
  },
  async () => {
    const destination = await startTestDestination();
    try {
      destination.source.put(namespace(), service());
      const bodies = (length: number): Buffer[] =>
        Array.from({ length: 100 }, (_, i) => {
          const contextToken = JSON.stringify({ ns: `${i}-${'n'.repeat(length)}` });
          const path = 'web.shop.svc.cluster.local:80';
          return framed(toBinary(GetDestinationSchema, create(GetDestinationSchema, { path, contextToken })));
        });
      // Too large a message (8), and a token beyond its bound (3).
      expect(new Set(await ask(destination.port, bodies(1_000_000)))).toEqual(new Set(['8']));
      expect(new Set(await ask(destination.port, bodies(20_000)))).toEqual(new Set(['3']));
    } finally {
      await destination.stop();
    }
  },
);

vector(
  {
    who: 'net',
    attack: 'a path, an authority and a workload of 60 kB',
    promise: 'they are refused as invalid, and the answer repeats no more than their beginning',
  },
  async () => {
    const destination = await startTestDestination();
    const world = await PolicyWorld.start([namespace(), service()]);
    try {
      const long = `${'a.'.repeat(30_000)}svc.cluster.local`;
      const seen = [destination.get(long), destination.getProfile(long)];
      const policy = [world.watchOutbound(long), world.watchPort(80, `{"ns":"shop","pod":"${'p'.repeat(60_000)}"}`)];
      for (const each of [...seen, ...policy]) {
        await expect.poll(() => each.error?.code, { timeout: 10_000 }).toBe(3);
        expect(each.error?.message.length).toBeLessThan(1000);
      }
    } finally {
      await world.stop();
      await destination.stop();
    }
  },
);

vector(
  {
    who: 'net',
    attack: 'a thousand requests of 60 kB that are begun and never ended',
    promise: 'no more than 32 MB of them are held, the rest is refused',
  },
  async () => {
    const destination = await startTestDestination();
    try {
      const body = Buffer.alloc(60_000);
      let refused = 0;
      const client = http2.connect(`http://127.0.0.1:${destination.port}`, { maxSessionMemory: 1000 });
      client.on('error', () => {});
      await once(client, 'connect');
      for (let i = 0; i < 1000; i++) {
        const stream = client.request({
          ':method': 'POST',
          ':path': '/io.linkerd.proxy.destination.Destination/Get',
          'content-type': 'application/grpc',
        });
        stream.on('error', () => {});
        stream.on('response', (headers) => {
          if (headers['grpc-status'] === '8') refused++;
        });
        stream.resume();
        stream.write(body);
      }
      await expect.poll(() => refused, { timeout: 15_000 }).toBeGreaterThan(300);
      client.destroy();
    } finally {
      await destination.stop();
    }
  },
  30_000,
);
