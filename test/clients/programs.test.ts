import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseH2load } from '../../bench/load/h2load.ts';
import { TestMesh } from '../proxy/test-mesh.ts';
import { type Http1Log, http1Server } from './http1-server.ts';
import { needs, run } from './program.ts';

/** curl and h2load through a pair of sidecars: clients that share no code with Node. */
let mesh: TestMesh;
let log: Http1Log;
let proxy: string;
let http2Server: Http2Server;
const host = 'server.test:8080';
const http2Host = 'http2.test:8080';

beforeAll(async () => {
  mesh = await TestMesh.start([
    { name: 'client' },
    { name: 'server', ports: [8080] },
    { name: 'http2', ports: [8080] },
  ]);
  const application = http1Server();
  log = application.log;
  await mesh.serve('server', 8080, application.server);
  http2Server = createServer();
  http2Server.on('stream', echo);
  await new Promise<void>((resolve, reject) => {
    http2Server.once('error', reject);
    http2Server.listen(8080, mesh.ip('http2'), resolve);
  });
  await mesh.ready();
  proxy = `${mesh.ip('client')}:4140`;
}, 60_000);
afterAll(async () => {
  await mesh.stop();
  http2Server?.close();
});

/** Gives a request's body back, and its length in a trailer. */
function echo(stream: ServerHttp2Stream): void {
  let bytes = 0;
  stream.on('error', () => {});
  stream.respond({ ':status': 200 }, { waitForTrailers: true });
  stream.on('data', (chunk) => {
    bytes += chunk.length;
  });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-bytes': String(bytes) }));
  stream.pipe(stream);
}

const [hasCurl, curlName] = needs('curl', 'curl');
describe.skipIf(!hasCurl)(curlName, () => {
  const curl = (...args: string[]): Promise<Buffer> => run('curl', ['--silent', '--show-error', ...args]);
  const direct = (...args: string[]): Promise<Buffer> => curl('--connect-to', `${host}:${proxy}`, ...args);

  it.each([
    ['HTTP/1.1', '--http1.1'],
    ['HTTP/1.0', '--http1.0'],
  ])('speaks %s; the application hears HTTP/1.1', async (_name, option) => {
    const answer = JSON.parse(String(await direct(option, `http://${host}/`)));
    expect(answer).toMatchObject({ method: 'GET', version: '1.1', headers: { host } });
  });

  it('speaks HTTP/2 with an application that does, and hears its trailers', async () => {
    const sent = Buffer.alloc(2_000_000, 'upload ');
    const args = ['--silent', '--show-error', '--http2-prior-knowledge', '--connect-to', `${http2Host}:${proxy}`];
    expect(sent.equals(await run('curl', [...args, '--data-binary', '@-', `http://${http2Host}/`], sent))).toBe(true);
    const verbose = String(await run('curl', [...args, '-v', '--stderr', '-', '-d', 'x', `http://${http2Host}/`]));
    expect(verbose).toMatch(/< x-bytes: 1\r?\n/);
  });

  it.each([
    ['in absolute-form', []],
    ['in a tunnel', ['--proxytunnel']],
  ])('finds the sidecar as a proxy, %s', async (_name, options) => {
    const body = await curl('--proxy', `http://${proxy}`, ...options, `http://${host}/sized?bytes=12`);
    expect(String(body)).toBe('x'.repeat(12));
  });

  it('uploads with Expect, as it does for large bodies, and gets the same back', async () => {
    const sent = Buffer.alloc(3_000_000, 'upload ');
    const args = ['--silent', '--show-error', '--data-binary', '@-', '--connect-to', `${host}:${proxy}`];
    const back = await run('curl', [...args, '-H', 'Expect: 100-continue', `http://${host}/echo`], sent);
    expect(sent.equals(back)).toBe(true);
  });

  it('HEAD: sees the head alone', async () => {
    const head = String(await direct('--head', `http://${host}/sized?bytes=12`));
    expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*content-length: 12\r\n(.+\r\n)*\r\n$/i);
  });

  it('100 transfers reuse one connection', async () => {
    const before = await mesh.metric('client', 'tcp_open_total', 'direction="outbound"', 'peer="src"');
    const urls = Array.from({ length: 100 }, (_, i) => `http://${host}/sized?bytes=${i}`);
    expect((await direct(...urls)).length).toBe((100 * 99) / 2);
    expect(await mesh.metric('client', 'tcp_open_total', 'direction="outbound"', 'peer="src"')).toBe(before + 1);
  });

  it('a target that does not exist is 504 from the sidecar itself', async () => {
    const status = await curl(
      '--proxy',
      `http://${proxy}`,
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      'http://no.where:1/',
    );
    expect(String(status)).toBe('504');
  });
});

const [hasH2load, h2loadName] = needs('h2load', 'nghttp2-client');
describe.skipIf(!hasH2load)(h2loadName, () => {
  const load = async (...args: string[]) =>
    parseH2load(String(await run('h2load', ['--connect-to', proxy, ...args]))).requests;

  it('5,000 requests of HTTP/1.1 on 50 connections all succeed', async () => {
    const before = log.requests.length;
    expect(await load('--h1', '-n', '5000', '-c', '50', `http://${host}/sized?bytes=100`)).toBe(5000);
    expect(log.requests.length).toBe(before + 5000);
  });

  it('5,000 streams of HTTP/2, 50 at a time on each of 10 connections, all succeed', async () => {
    expect(await load('-n', '5000', '-c', '10', '-m', '50', `http://${http2Host}/`)).toBe(5000);
  });
});
