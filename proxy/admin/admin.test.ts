import { describe, expect, it, vi } from 'vitest';
import { Log } from '../telemetry/log.ts';
import { FieldTable } from '../wire/field-table.ts';
import { Http1Server } from '../wire/http1/server.ts';
import { ManualTurn, MemoryTransport } from '../wire/testing/memory-transport.ts';
import { Admin, type AdminOptions } from './admin.ts';

/** What the admin server answers to one HTTP/1 request. */
function admin(changes: Partial<AdminOptions> = {}) {
  const options: AdminOptions = {
    log: new Log(
      'warn',
      'plain',
      () => {},
      () => new Date(0),
    ),
    ready: () => true,
    timers: { after: () => undefined, cancel: () => {} },
    metrics: () => ['metrics 1\n'],
    debug: { routes: () => '{}\n' },
    setLogFilter: () => {},
    environment: { LINKERD2_PROXY_LOG: 'warn', LINKERD2_PROXY_IDENTITY_TOKEN_FILE: '/token', HOME: '/root' },
    shutdownEnabled: true,
    shutdown: () => {},
    ...changes,
  };
  const turn = new ManualTurn();
  const transport = new MemoryTransport();
  const server = new Http1Server({
    transport,
    turn,
    fields: new FieldTable(1),
    onRequest: (stream, head, end) =>
      new Admin(options).onRequest(stream, head, end, { otherHost: undefined, mayRead: () => true }),
  });
  const ask = (method: string, path: string, body = ''): void => {
    server.onBytes(
      Buffer.from(`${method} ${path} HTTP/1.1\r\nhost: admin\r\ncontent-length: ${body.length}\r\n\r\n${body}`),
    );
  };
  const read = (): { status: number; body: string } => {
    turn.end();
    const [head, body] = transport.take().toString().split('\r\n\r\n', 2);
    return { status: Number(head.split(' ')[1]), body };
  };
  return {
    ask,
    read,
    call: (method: string, path: string, body?: string) => {
      ask(method, path, body);
      return read();
    },
  };
}

describe('admin server', () => {
  it('a shutdown is answered before it begins', async () => {
    const shutdown = vi.fn();
    const { ask, read } = admin({ shutdown });
    ask('POST', '/shutdown');
    expect(shutdown).not.toHaveBeenCalled();
    expect(read()).toEqual({ status: 200, body: 'shutdown\n' });
    await vi.waitFor(() => expect(shutdown).toHaveBeenCalledTimes(1));
  });

  it('a query that is no percent-encoding is refused', () => {
    for (const query of ['%', '%zz', 'LINKERD2_PROXY_LOG&%e4']) {
      expect(admin().call('GET', `/env.json?${query}`).status).toBe(400);
    }
    expect(admin().call('GET', '/env.json?LINKERD2_PROXY%5FLOG').body).toBe('{\n  "LINKERD2_PROXY_LOG": "warn"\n}\n');
  });

  it('shows the proxy its own variables alone, and no secret', () => {
    expect(admin().call('GET', '/env.json').body).toBe('{\n  "LINKERD2_PROXY_LOG": "warn"\n}\n');
    expect(admin().call('GET', '/env.json?HOME&LINKERD2_PROXY_IDENTITY_TOKEN_FILE').body).toBe('{}\n');
  });

  it('a log filter is taken in either case, and one that is none is told by its directive', () => {
    expect(admin().call('PUT', '/proxy-log-level', 'DEBUG').status).toBe(204);
    expect(admin().call('PUT', '/proxy-log-level', 'warn,linkerd=loud')).toMatchObject({
      status: 400,
      body: expect.stringContaining("'linkerd=loud' is no log directive"),
    });
  });

  it('tells health by method', () => {
    expect(admin().call('GET', '/live').status).toBe(200);
    expect(admin().call('POST', '/live').status).toBe(405);
    expect(admin({ ready: () => false }).call('GET', '/ready').status).toBe(503);
    expect(admin({ shutdownEnabled: false }).call('POST', '/shutdown').status).toBe(404);
    expect(admin().call('GET', '/nothing').status).toBe(404);
  });
});
