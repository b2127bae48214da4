import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'cdk8s';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { Emojivoto } from '../../examples/emojivoto/emojivoto-chart.ts';
import { LocalMesh } from '../../local/local-mesh.ts';

/** docs/guides/access-log.md and docs/guides/statsd.md: web of emojivoto with the annotations that stand there. */
const root = join(import.meta.dirname, '../..');
const guide = (name: string): string => readFileSync(join(root, 'docs/guides', `${name}.md`), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'tulle-sent-metrics-'));
const state = join(folder, 'state');
const received: string[] = [];
const server = createSocket('udp4', (packet) => received.push(packet.toString()));
let mesh: LocalMesh | undefined;

function annotations(name: string): Record<string, string> {
  const [, yaml] = /^```yaml\n([\s\S]*?)^```$/m.exec(guide(name)) ?? [];
  return (parse(yaml) as { metadata: { annotations: Record<string, string> } }).metadata.annotations;
}

beforeAll(async () => {
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  const manifests = join(folder, 'dist');
  mkdirSync(manifests);
  const app = new App({ outdir: manifests });
  new Emojivoto(app, 'emojivoto');
  app.synth();
  const [file] = readdirSync(manifests);
  const objects = parseAllDocuments(readFileSync(join(manifests, file), 'utf8')).map((document) => document.toJS());
  const web = objects.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'web');
  web.spec.template.metadata.annotations = {
    ...web.spec.template.metadata.annotations,
    ...annotations('access-log'),
    ...annotations('statsd'),
    // The guide's server has no address here.
    'config.tulle.dev/statsd-address': `127.0.0.1:${server.address().port}`,
  };
  writeFileSync(join(manifests, file), objects.map((object) => stringify(object)).join('---\n'));
  const lines: string[] = [];
  mesh = await LocalMesh.start({
    ...{ manifests, stateFolder: state, cwd: root, environment: process.env },
    report: (line) => lines.push(line),
  });
  expect(await mesh.ready(60_000), lines.join('\n')).toBe(true);
}, 90_000);
afterAll(async () => {
  await mesh?.stop();
  server.close();
  rmSync(folder, { recursive: true });
});

it('the access log has a line for each request to web, with what the guide says', async () => {
  const logs = join(state, 'logs');
  const entries = (): Record<string, unknown>[] =>
    readdirSync(logs)
      .filter((name) => name.includes('web') && !name.includes('bot'))
      .flatMap((name) => readFileSync(join(logs, name), 'utf8').split('\n'))
      .filter((line) => line.startsWith('{"client.addr"'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const ofBot = () =>
    entries().find((one) => String(one['client.id']).startsWith('vote-bot.emojivoto.serviceaccount.'));
  await vi.waitFor(() => expect(ofBot()).toMatchObject({ status: 200, version: 'HTTP/2.0', tries: 1 }), {
    timeout: 30_000,
  });
  const entry = ofBot();
  const told = new Set([...guide('access-log').matchAll(/`([\w.]+)`/g)].map(([, name]) => name));
  expect(Object.keys(entry ?? {}).filter((name) => !told.has(name))).toEqual([]);
});

it('the statsd server gets the counts and times of web, in the form that the guide shows', async () => {
  const lines = (): string => received.join('\n');
  await vi.waitFor(() => expect(lines()).toMatch(/^tulle\.response_total\.inbound\.success:\d+\|c$/m), {
    timeout: 30_000,
  });
  await vi.waitFor(() => expect(lines()).toMatch(/^tulle\.response_latency_ms\.outbound:[\d.]+\|ms(\|@[\d.]+)?$/m));
});
