import { createServer, request } from 'node:http';
import { gzipSync } from 'node:zlib';
import { create, createRegistry, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { ChannelCredentials, Metadata, Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from '../../api/gen/reflection_pb.js';
import type { ObserveRequestSchema } from '../../api/gen/tap_pb.js';
import { TapBodies } from '../../api/gen/tulle_pb.js';
import { GrpcClient, grpcService } from '../../api/grpc.ts';
import { type DecodedBody, decodeBody } from '../../cli/tap/body/decode.ts';
import { noTypes } from '../../cli/tap/body/descriptors.ts';
import { reflectedTypes } from '../../cli/tap/body/reflection.ts';
import { bodyLines, bodyOf } from '../../cli/tap/render-body.ts';
import {
  file_emojivoto_v1_voting,
  ResultsResponseSchema,
  VoteRequestSchema,
  VoteResponseSchema,
  VotingService,
} from '../../examples/emojivoto/gen/emojivoto/v1/voting_pb.js';
import { partOf, partsOf, type Tapped, tap, tapIdentity } from './tap-client.ts';
import { TestMesh } from './test-mesh.ts';

/** What taps tell of the bodies that pass real sidecars, and what `tulle tap` makes of it. */
let mesh: TestMesh;
let own: { key: string; cert: string };
const waiting = { timeout: 10_000, interval: 20 };
/** Bytes of the last upload that the server got. */
let uploaded = 0;
const hostile = '\u001b]0;owned\u0007\u009b2J\nend id=1:1\u202e';

beforeAll(async () => {
  const tapBodies = { 'config.tulle.dev/tap-bodies': 'enabled' };
  mesh = await TestMesh.start([{ name: 'client' }, { name: 'server', ports: [8080, 8081], annotations: tapBodies }]);
  const http = createServer((incoming, response) => {
    uploaded = 0;
    incoming.on('data', (chunk: Buffer) => {
      uploaded += chunk.length;
    });
    incoming.on('error', () => {});
    incoming.on('end', () => {
      const { pathname } = new URL(incoming.url!, 'http://server');
      if (pathname === '/gzip') {
        response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
        response.end(gzipSync('{"squeezed":true}'));
      } else if (pathname === '/hostile') {
        response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
        response.end(hostile);
      } else if (pathname === '/image') {
        response.writeHead(200, { 'content-type': 'image/png' });
        response.end(Buffer.alloc(3000));
      } else {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end('{"ok":1}');
      }
    });
  });
  await mesh.serve('server', 8080, http);
  const grpc = new Server();
  grpc.addService(grpcService(VotingService), {
    vote: (_: unknown, answer: (error: null, value: object) => void) => answer(null, create(VoteResponseSchema)),
    results: (_: unknown, answer: (error: null, value: object) => void) =>
      answer(null, create(ResultsResponseSchema, { results: [{ shortcode: ':pizza:', votes: 3 }] })),
  } as never);
  grpc.addService(grpcService(ServerReflection), { serverReflectionInfo: reflect } as never);
  await new Promise<void>((resolve, reject) => {
    grpc.bindAsync(`${mesh.ip('server')}:8081`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  servers = grpc;
  await mesh.ready();
  own = mesh.issue(tapIdentity);
}, 60_000);
let servers: Server | undefined;
afterAll(async () => {
  servers?.forceShutdown();
  await mesh.stop();
});

function reflect(call: ServerDuplexStream<ServerReflectionRequest, ServerReflectionResponse>): void {
  const file = toBinary(FileDescriptorProtoSchema, file_emojivoto_v1_voting.proto);
  call.on('data', () =>
    call.write(
      create(ServerReflectionResponseSchema, {
        messageResponse: { case: 'fileDescriptorResponse', value: { fileDescriptorProto: [file] } },
      }),
    ),
  );
  call.on('end', () => call.end());
}

type Request = MessageInitShape<typeof ObserveRequestSchema>;

/** Taps until the test is over; requests for `path` that come after it are told, with so much of their bodies. */
async function tapping(path: string, bodyBytes: number, workload = 'server', more: Request = {}): Promise<Tapped> {
  const prefix = { match: { case: 'prefix' as const, value: path } };
  const match = { match: { case: 'http' as const, value: { match: { case: 'path' as const, value: prefix } } } };
  const tapped = tap(mesh, workload, { limit: 100_000, match, bodyBytes, ...more } as Request, own);
  onTestFinished(() => tapped.cancel());
  await vi.waitFor(() => expect(tapped.begun).toBe(true), waiting);
  return tapped;
}

interface Ask {
  readonly path: string;
  readonly body?: Uint8Array | string;
  readonly type?: string;
}

function ask({ path, body = '', type = 'application/json' }: Ask): Promise<number> {
  return new Promise((resolve) => {
    const headers = { host: 'server.test:8080', 'content-type': type };
    request({ host: mesh.ip('client'), port: 4140, path, method: 'POST', headers, agent: false }, (response) => {
      response.resume();
      response.on('close', () => resolve(response.statusCode!));
    })
      .on('error', () => resolve(0))
      .end(body);
  });
}

const ended = (tapped: Tapped, count = 1) =>
  vi.waitFor(() => expect(partsOf(tapped.events, 'responseEnd')).toHaveLength(count), waiting);

const bodiesOf = ({ events }: Tapped, types = noTypes): DecodedBody[] =>
  events.flatMap((event) => {
    const body = bodyOf(event);
    return body === undefined ? [] : [decodeBody(body, types)];
  });

describe('a tap that asks for bodies', () => {
  it('is told those of a request and its answer, as they came', async () => {
    const tapped = await tapping('/json', 1000);
    await ask({ path: '/json?secret=1', body: '{"name":"é"}' });
    await ended(tapped);
    expect(tapped.events.map((event) => partOf(event).case)).toEqual([
      'requestInit',
      'body',
      'responseInit',
      'body',
      'responseEnd',
    ]);
    expect(tapped.events[0].bodies).toBe(TapBodies.TOLD);
    expect(bodiesOf(tapped)).toEqual([
      { of: 'request', length: 13, contentType: 'application/json', parts: [{ json: { name: 'é' } }] },
      { of: 'response', length: 8, contentType: 'application/json', parts: [{ json: { ok: 1 } }] },
    ]);
    const [told] = tapped.events.flatMap((event) => bodyOf(event) ?? []);
    const [{ id }] = partsOf(tapped.events, 'requestInit');
    expect(told).toMatchObject({ path: '/json', base: id!.base, stream: id!.stream });
  });

  it('is told what was compressed as it is, and by what; of an image its size', async () => {
    const tapped = await tapping('/', 1000);
    await ask({ path: '/gzip' });
    await ask({ path: '/image' });
    await ended(tapped, 2);
    expect(bodiesOf(tapped)).toMatchObject([
      { of: 'response', encoding: 'gzip', parts: [{ json: { squeezed: true } }] },
      { of: 'response', length: 3000, contentType: 'image/png', parts: [{ note: 'no text' }] },
    ]);
  });

  it('is told no more of each than it asked for, and traffic passes whole, however much it is', async () => {
    const tapped = await tapping('/large', 16 * 1024);
    const body = Buffer.alloc(20_000_000, 'abcdefgh');
    expect(await ask({ path: '/large', body, type: 'text/plain' })).toBe(200);
    expect(uploaded).toBe(body.length);
    await ended(tapped);
    const [first] = bodiesOf(tapped);
    expect(first).toMatchObject({ of: 'request', note: 'cut here' });
    expect(first.parts[0].text).toBe(body.subarray(0, 16 * 1024).toString());
    const short = await tapping('/large', 4);
    await ask({ path: '/large', body: 'abcdefgh', type: 'text/plain' });
    await ended(short);
    expect(bodiesOf(short)[0]).toMatchObject({ length: 8, note: 'cut here', parts: [{ text: 'abcd' }] });
  });

  it('is told of what its client did not end as far as it came', async () => {
    const tapped = await tapping('/leaves', 1000);
    const headers = { host: 'server.test:8080', 'content-type': 'text/plain' };
    const left = request({
      host: mesh.ip('client'),
      port: 4140,
      path: '/leaves',
      method: 'POST',
      headers,
      agent: false,
    });
    left.on('error', () => {});
    left.write('half of it');
    await vi.waitFor(() => expect(partsOf(tapped.events, 'requestInit')).toHaveLength(1), waiting);
    await vi.waitFor(() => expect(uploaded).toBe(10), waiting);
    left.destroy();
    await ended(tapped);
    expect(bodiesOf(tapped)).toMatchObject([{ note: 'it broke off here', parts: [{ text: 'half of it' }] }]);
  });

  it('is shown nothing that a terminal acts on', async () => {
    const tapped = await tapping('/hostile', 1000);
    await ask({ path: '/hostile', body: JSON.stringify({ [hostile]: hostile }) });
    await ended(tapped);
    const shown = tapped.events.flatMap((event) => {
      const body = bodyOf(event);
      return body === undefined ? [] : [bodyLines(event, body, decodeBody(body, noTypes), undefined)];
    });
    expect(shown.map((text) => text.split('\n').length)).toEqual([2, 2]);
    expect(shown.join('\n')).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
    expect(shown[1]).toContain('\\u001b]0;owned\\u0007\\u009b2J\\nend id=1:1\\u202e');
  });

  it('of a workload that does not let its bodies be seen is told so, and nothing of them', async () => {
    const tapped = await tapping('/closed', 1000, 'client');
    await ask({ path: '/closed', body: '{"a":1}' });
    await ended(tapped);
    expect([tapped.events[0].bodies, bodiesOf(tapped)]).toEqual([TapBodies.NOT_ALLOWED, []]);
  });

  it('and does not read costs requests nothing: what it misses is counted', async () => {
    const before = await mesh.metric('server', 'proxy_tap_events_missed_total');
    const tapped = await tapping('/unread', 16 * 1024);
    tapped.pause();
    const body = 'x'.repeat(16 * 1024);
    await vi.waitFor(async () => {
      const asked = Array.from({ length: 20 }, () => ask({ path: '/unread', body, type: 'text/plain' }));
      expect(new Set(await Promise.all(asked))).toEqual(new Set([200]));
      expect(await mesh.metric('server', 'proxy_tap_events_missed_total')).toBeGreaterThan(before);
    }, waiting);
  });

  it('for more than there may be is refused', async () => {
    const tapped = tap(
      mesh,
      'server',
      { limit: 1, match: { match: { case: 'all', value: {} } }, bodyBytes: 16_385 },
      own,
    );
    await vi.waitFor(() => expect(tapped.ended).toEqual([3, 'body_bytes must be 16384 at most']), waiting);
  });
});

describe('messages of gRPC', () => {
  /** `compression` by grpc-js' numbers: 0 for none, 2 for gzip. */
  function client(compression = 0): GrpcClient {
    const made = new GrpcClient(`${mesh.ip('client')}:4140`, ChannelCredentials.createInsecure(), {
      'grpc.default_authority': 'server.test:8081',
      'grpc.default_compression_algorithm': compression,
      'grpc.use_local_subchannel_pool': 1,
    });
    onTestFinished(() => made.close());
    return made;
  }
  const call = (method: Parameters<GrpcClient['unary']>[0], message: object) =>
    new Promise<void>((resolve) => {
      client().unary(method, message as never, { metadata: new Metadata(), deadlineMs: Date.now() + 10_000 }, () =>
        resolve(),
      );
    });

  it('are shown by the types that their server tells', async () => {
    const types = await reflectedTypes(`${mesh.ip('server')}:8081`, 'emojivoto.v1.VotingService', 5000);
    const tapped = await tapping('/emojivoto.v1.', 1000);
    await call(VotingService.method.vote, create(VoteRequestSchema, { shortcode: ':pizza:' }));
    await call(VotingService.method.results, create(VotingService.method.results.input, {}));
    await ended(tapped, 2);
    expect(bodiesOf(tapped, types)).toMatchObject([
      { of: 'request', parts: [{ type: 'emojivoto.v1.VoteRequest', json: { shortcode: ':pizza:' } }] },
      { of: 'response', parts: [{ type: 'emojivoto.v1.VoteResponse', length: 0, json: {} }] },
      { of: 'request', parts: [{ type: 'emojivoto.v1.ResultsRequest', json: {} }] },
      { of: 'response', parts: [{ json: { results: [{ shortcode: ':pizza:', votes: 3 }] } }] },
    ]);
    expect(bodiesOf(tapped)[0].parts).toEqual([{ length: 9, fields: [{ field: 1, wire: 'bytes', value: ':pizza:' }] }]);
  });

  it('of a stream are told one by one, and those that were compressed as such', async () => {
    const tapped = await tapping('/grpc.reflection', 16 * 1024);
    const stream = client(2).makeBidiStreamRequest(
      `/${ServerReflection.typeName}/ServerReflectionInfo`,
      (message: ServerReflectionRequest) => Buffer.from(toBinary(ServerReflectionRequestSchema, message)),
      (bytes: Buffer) => bytes,
      new Metadata(),
    );
    const question = (value: string) =>
      create(ServerReflectionRequestSchema, { messageRequest: { case: 'fileByFilename', value } });
    let answers = 0;
    stream.on('data', () => {
      answers++;
      if (answers < 3) stream.write(question(`file-${answers}`));
      else stream.end();
    });
    stream.write(question('file-0'));
    await ended(tapped);
    const [asked, answered] = bodiesOf(tapped, createRegistry(ServerReflection));
    expect(asked.parts).toMatchObject(
      [0, 1, 2].map((n) => ({ compressed: 'gzip', json: { fileByFilename: `file-${n}` } })),
    );
    expect(answered.parts.map(({ type }) => type)).toEqual(
      Array.from({ length: 3 }, () => 'grpc.reflection.v1.ServerReflectionResponse'),
    );
  });
});
