import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { TestMesh } from './test-mesh.ts';

/** What docs/guides/egress.md has one apply and run, in its order, and what it says comes of it. */
const guide = readFileSync(join(import.meta.dirname, '../../docs/guides/egress.md'), 'utf8');
const ports = { 18080: 0, 18443: 0 };
const servers: Server[] = [];
let mesh: TestMesh;

interface Step {
  readonly heading: string;
  readonly objects: string;
  readonly commands: string;
  readonly output: string;
}

/** Objects, then commands, then what they print. */
const steps: Step[] = guide.split(/^## /m).flatMap((section) => {
  const blocks = [...section.matchAll(/^```(yaml|sh|text)\n([\s\S]*?)^```$/gm)].map(([, kind, code]) => ({
    kind,
    code,
  }));
  return blocks.flatMap(({ kind, code }, i): Step[] => {
    if (kind !== 'text') return [];
    const before = (wanted: string): string =>
      blocks.slice(0, i).findLast((block) => block.kind === wanted)?.code ?? '';
    return [{ heading: section.split('\n', 1)[0], objects: before('yaml'), commands: before('sh'), output: code }];
  });
});

beforeAll(async () => {
  mesh = await TestMesh.start([{ name: 'client' }]);
  const answer: Parameters<typeof createServer>[1] = (request, response) =>
    response.end(`hello from ${request.headers.host}\n`);
  const listening = { 18080: createServer(answer), 18443: createHttpsServer(mesh.issue('api.example'), answer) };
  for (const port of [18080, 18443] as const) {
    servers.push(listening[port]);
    await new Promise<void>((resolve) => listening[port].listen(0, '127.0.0.1', resolve));
    ports[port] = (listening[port].address() as AddressInfo).port;
  }
  await mesh.ready();
}, 60_000);
afterAll(async () => {
  await mesh.stop();
  for (const server of servers) server.close();
});

const here = (text: string): string => text.replace(/18080|18443/g, (port) => `${ports[port as '18080']}`);

it('has steps', () => expect(steps).toHaveLength(4));

it.each(steps)('$heading: $commands', async ({ objects, commands, output }) => {
  mesh.apply(...parseAllDocuments(here(objects)).map((document) => document.toJS() as object));
  const env = { PATH: process.env['PATH'], SIDECAR: `http://${mesh.ip('client')}:4140` };
  const run = promisify(execFile);
  await vi.waitFor(
    async () => expect((await run('sh', ['-c', here(commands)], { env, timeout: 10_000 })).stdout).toBe(output),
    { timeout: 20_000, interval: 500 },
  );
});
