import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, onTestFinished, vi } from 'vitest';
import { partsOf, type Tapped, tap, tapIdentity } from '../proxy/tap-client.ts';
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
