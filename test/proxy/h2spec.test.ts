import { spawn } from 'node:child_process';
import { connect as connectHttp2, createServer as createHttp2Server, type Http2Server } from 'node:http2';
import { connect, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { h2specProgram } from './h2spec-program.ts';
import { freePort, TestMesh } from './test-mesh.ts';

/** Every case of h2spec, strict ones included, against the listeners of real sidecars with a server behind them. */
const program = h2specProgram();
const skipped = 'missing' in program ? program.missing : undefined;

describe.skipIf(skipped !== undefined)(`h2spec${skipped === undefined ? '' : ` (skipped: ${skipped})`}`, () => {
  let mesh: TestMesh;
  let port: number;
  let clusterIp: string;
  const relay = createServer({ allowHalfOpen: true }, (fromTool) => {
    // The tool calls what it connects to: the Service's address leads to the client's sidecar, as interception would.
    const toSidecar = connect({ host: mesh.ip('client'), port: 4140, allowHalfOpen: true });
    fromTool.on('error', () => toSidecar.destroy()).on('close', () => toSidecar.destroy());
    toSidecar.on('error', () => fromTool.destroy()).on('close', () => fromTool.destroySoon());
    fromTool.pipe(toSidecar);
    toSidecar.pipe(fromTool);
  });

  beforeAll(async () => {
    port = await freePort();
    mesh = await TestMesh.start([{ name: 'client' }, { name: 'server', ports: [port] }]);
    const server: Http2Server = createHttp2Server();
    server.on('sessionError', () => {});
    server.on('stream', (stream) => {
      stream.on('error', () => {});
      stream.respond({ ':status': 200 });
      stream.end('x'.repeat(1024));
    });
    await mesh.serve('server', port, server);
    clusterIp = mesh.addClusterIp('server', port);
    await mesh.ready();
    // Before the sidecar knows the Service it would take the address for that of a host, which is the relay.
    await vi.waitFor(async () => expect(await statusOf(`${clusterIp}:${port}`)).toBe(200), {
      // Longer than an answer that there is no such Service is kept.
      interval: 6000,
      timeout: 30_000,
    });
    await new Promise<void>((resolve, reject) => {
      relay.once('error', reject);
      relay.listen(port, clusterIp, resolve);
    });
  }, 60_000);
  afterAll(async () => {
    relay.close();
    await mesh.stop();
  });

  const run = (host: string, at: number): Promise<string> =>
    new Promise((resolve, reject) => {
      const path = 'path' in program ? program.path : '';
      const arguments_ = ['--strict', 'generic', 'http2', 'hpack', '-h', host, '-p', `${at}`];
      const tool = spawn(path, arguments_, { stdio: ['ignore', 'pipe', 'pipe'] });
      let output = '';
      tool.stdout.on('data', (chunk) => {
        output += chunk;
      });
      tool.stderr.on('data', (chunk) => {
        output += chunk;
      });
      tool.on('error', reject);
      tool.on('close', () => resolve(output));
    });
  const statusOf = (authority: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const session = connectHttp2(`http://${mesh.ip('client')}:4140`);
      session.on('error', reject);
      const stream = session.request({ ':path': '/', ':authority': authority });
      stream.on('response', (headers) => resolve(headers[':status']));
      stream.on('error', reject).on('close', () => session.destroy());
      stream.resume();
    });
  /** What failed, in the tool's words; all cases ran. */
  const failures = (output: string): string => {
    expect(output).toMatch(/^14[6-9] tests, \d+ passed, 0 skipped/m);
    return output.includes('Failures:') ? output.slice(output.indexOf('Failures:')) : '';
  };

  it('the inbound listener passes all of it', { timeout: 90_000 }, async () => {
    expect(failures(await run(mesh.ip('server'), 4143))).toBe('');
  });

  it('the outbound listener passes all of it, through mutual TLS to the server', { timeout: 90_000 }, async () => {
    expect(failures(await run(clusterIp, port))).toBe('');
    expect(await mesh.metric('server', 'request_total', 'direction="inbound"', 'tls="true"')).toBeGreaterThan(50);
  });
});
