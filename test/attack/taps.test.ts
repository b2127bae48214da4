import { createServer } from 'node:http';
import { gzipSync } from 'node:zlib';
import { create } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, onTestFinished, vi } from 'vitest';
import { TapEventSchema } from '../../api/gen/tap_pb.js';
import { TapBodies, TapBodySchema } from '../../api/gen/tulle_pb.js';
import { decodeBody } from '../../cli/tap/body/decode.ts';
import { noTypes } from '../../cli/tap/body/descriptors.ts';
import { bodyLines } from '../../cli/tap/render-body.ts';
import { partOf, partsOf, type Tapped, tap, tapIdentity } from '../proxy/tap-client.ts';
import { TestMesh } from '../proxy/test-mesh.ts';
import { vector } from './vector.ts';

let mesh: TestMesh;
const waiting = { timeout: 10_000, interval: 20 };
const any = { limit: 1, match: { match: { case: 'all' as const, value: { matches: [] } } } };

beforeAll(async () => {
  mesh = await TestMesh.start([{ name: 'server', ports: [8080] }]);
  await mesh.serve(
    'server',
    8080,
    createServer((_, response) => response.end()),
  );
  await mesh.ready();
}, 60_000);
afterAll(() => mesh.stop());

async function refusal(tapped: Tapped): Promise<Tapped['ended']> {
  onTestFinished(() => tapped.cancel());
  await vi.waitFor(() => expect(tapped.ended).toBeDefined(), waiting);
  expect(tapped.events).toEqual([]);
  return tapped.ended;
}

vector(
  {
    who: 'mesh',
    attack:
      'the requests of another workload, asked for at the control port of its sidecar with a certificate of the mesh',
    promise: 'one identity may, that of the tap component, which asks the API server who asks it',
  },
  async () => {
    const stranger = 'server.test.serviceaccount.identity.tulle.cluster.local';
    expect(await refusal(tap(mesh, 'server', any, mesh.issue(stranger)))).toEqual([
      7,
      `Unauthorized peer: ${stranger}`,
    ]);
  },
);

vector(
  {
    who: 'net',
    attack: 'the same without a certificate',
    promise: 'nobody is told anything in plaintext',
  },
  async () => {
    expect(await refusal(tap(mesh, 'server', any, undefined))).toEqual([
      16,
      'taps are for clients with a certificate of the mesh',
    ]);
  },
);

vector(
  {
    who: 'tenant',
    attack: 'secrets in the requests of a workload that one may tap: tokens, cookies, keys, what stands in queries',
    promise: 'header fields are told where that is asked for, secret ones masked by name; queries never are',
  },
  async () => {
    const headers = { case: 'http' as const, value: { extract: { case: 'headers' as const, value: {} } } };
    const tapped = tap(mesh, 'server', { ...any, extract: { extract: headers } }, mesh.issue(tapIdentity));
    onTestFinished(() => tapped.cancel());
    await vi.waitFor(() => expect(tapped.begun).toBe(true), waiting);
    await fetch(`http://${mesh.ip('server')}:4143/reset?token=hidden`, {
      headers: {
        authorization: 'Bearer hidden',
        cookie: 'session=hidden',
        'x-api-key': 'hidden',
        'l5d-client-id': 'hidden',
      },
    });
    await vi.waitFor(() => expect(tapped.ended).toEqual([0, '']), waiting);
    const [{ path, headers: told }] = partsOf(tapped.events, 'requestInit');
    expect(path).toBe('/reset');
    const values = told!.headers.map(({ value }) => Buffer.from(value).toString());
    expect(values.filter((value) => value.includes('hidden'))).toEqual([]);
    expect(values.filter((value) => value === '(masked)')).toHaveLength(4);
  },
);

vector(
  {
    who: 'tenant',
    attack: 'the bodies of a workload that one may tap, asked for at its sidecar by the tap component itself',
    promise: 'a sidecar tells none unless its pod lets them be seen (config.tulle.dev/tap-bodies), and says so',
  },
  async () => {
    const tapped = tap(mesh, 'server', { ...any, bodyBytes: 1000 }, mesh.issue(tapIdentity));
    onTestFinished(() => tapped.cancel());
    await vi.waitFor(() => expect(tapped.begun).toBe(true), waiting);
    await fetch(`http://${mesh.ip('server')}:4143/login`, { method: 'POST', body: 'password=hidden' });
    await vi.waitFor(() => expect(tapped.ended).toEqual([0, '']), waiting);
    expect(tapped.events.map((event) => partOf(event).case)).toEqual(['requestInit', 'responseInit', 'responseEnd']);
    expect(tapped.events[0].bodies).toBe(TapBodies.NOT_ALLOWED);
  },
);

vector(
  {
    who: 'net',
    attack:
      'bodies made for the terminal of who taps them: escape sequences, lines that look like events, text that runs the other way, a megabyte of zeros in a kilobyte',
    promise:
      'what a terminal would act on is told by its number, a body is no lines but its own, and it expands to 256 KiB at most',
  },
  () => {
    const hostile = '\u001b[2J\u009bm\r\nend id=1:1 \u202eok\u2028';
    for (const [data, contentEncoding] of [
      [Buffer.from(hostile), ''],
      [gzipSync(hostile), 'gzip'],
      [gzipSync(Buffer.alloc(1_000_000)), 'gzip'],
    ] as const) {
      for (const contentType of ['text/plain', 'application/json', 'application/grpc', hostile]) {
        const body = create(TapBodySchema, { data, contentType, contentEncoding, length: BigInt(data.length) });
        const shown = bodyLines(create(TapEventSchema), body, decodeBody(body, noTypes), undefined);
        expect(shown).not.toMatch(/(?!\n)\p{Cc}/u);
        for (const line of shown.split('\n').slice(1)) expect(line).toMatch(/^ {4}\P{Cf}*$/u);
        expect(shown.length).toBeLessThan(3000);
      }
    }
  },
);
