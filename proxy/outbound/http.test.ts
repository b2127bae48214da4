import { beforeEach, describe, expect, it } from 'vitest';
import { OpenConnections } from '../accept/open-connections.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { MetricsRegistry } from '../telemetry/registry.ts';
import { testSide } from '../testing/exchanges.ts';
import { FieldTable } from '../wire/field-table.ts';
import { ManualTurn, MemoryTransport } from '../wire/testing/memory-transport.ts';
import type { Connection } from '../wire/transport.ts';
import { OutboundHttp } from './http.ts';
import { OutboundMetrics } from './metrics.ts';
import type { Target } from './target.ts';
import type { Targets } from './targets.ts';

let sent: { to: string; exchange: Exchange }[];
let turn: ManualTurn;
beforeEach(() => {
  sent = [];
  turn = new ManualTurn();
});

/** A target that keeps what is sent to it. */
const target = (host: string, kind: 'ip' | 'service' | 'other', port = 80): Target =>
  ({
    name: { kind, host, given: host, port, candidates: [] },
    send: (exchange: Exchange) => void sent.push({ to: host, exchange }),
  }) as unknown as Target;

/** What a client is answered by the outbound side at once; what goes on is in `sent`. */
function ask(request: string, options: { fixed?: Target; ingress?: boolean } = {}): string {
  const transport = new MemoryTransport();
  const side = testSide();
  const { clock } = side;
  const forAuthority = (authority: string): Target | undefined => {
    const host = authority.replace(/:\d+$/, '');
    return host === 'invalid' ? undefined : target(host, host.endsWith('.example') ? 'other' : 'service');
  };
  const http = new OutboundHttp(
    {
      ...{ clock, turn, side, fields: new FieldTable(1), open: new OpenConnections(clock) },
      targets: { forAuthority } as unknown as Targets,
      metrics: new OutboundMetrics(new MetricsRegistry(() => clock.nowMs()), () => clock.nowMs()),
      keepAlive: undefined,
      maxInFlight: 10,
      informationalHeaders: true,
      ingress: options.ingress ?? false,
      carry: () => {},
    },
    transport as unknown as Connection,
    'http1',
    options.fixed,
  );
  http.serve(Buffer.from(`${request.replaceAll('\n', '\r\n')}\r\n\r\n`), () => {});
  turn.end();
  return transport.take().toString('latin1');
}

describe('explicit mode', () => {
  it('an https target is refused with a word of what to do, and never goes out in plaintext', () => {
    const answer = ask('POST https://pay.example/v1/charges HTTP/1.1\nHost: pay.example\nAuthorization: Bearer s3cr3t');
    expect(answer).toMatch(/^HTTP\/1\.1 421 /);
    expect(answer).toMatch(/l5d-proxy-error: an https target cannot be carried in plain: .*CONNECT/);
    expect(sent).toEqual([]);
  });

  it('a target in absolute-form goes on in origin-form: the form was for this proxy', () => {
    ask('GET http://web/path?q HTTP/1.1\nHost: web');
    expect(sent.map(({ to, exchange }) => [to, exchange.outgoing.path, exchange.outgoing.absoluteForm])).toEqual([
      ['web', '/path?q', false],
    ]);
  });

  it.each(['8', '9', '12', '-1', 'x'])(
    'a request that has come through too many sidecars of this host (%s) goes nowhere',
    (hops) => {
      expect(ask(`GET / HTTP/1.1\nHost: web\nl5d-hops: ${hops}`)).toMatch(/^HTTP\/1\.1 508 /);
      expect(sent).toEqual([]);
    },
  );

  it('one that has come through few does, and does not tell others', () => {
    ask('GET / HTTP/1.1\nHost: web\nl5d-hops: 7');
    expect(sent.map(({ exchange }) => exchange.outgoing.fields)).toEqual([[]]);
  });

  it('a host that is none is not found', () => {
    expect(ask('GET / HTTP/1.1\nHost: invalid')).toMatch(/^HTTP\/1\.1 404 /);
  });
});

describe('transparent mode', () => {
  const fixed = target('10.9.0.2', 'ip', 3128);

  it('a target in absolute-form stays one: the application behind may be a forward proxy', () => {
    ask('GET http://outside.example/ HTTP/1.1\nHost: outside.example', { fixed });
    expect(sent.map(({ to, exchange }) => [to, exchange.outgoing.absoluteForm])).toEqual([['10.9.0.2', true]]);
  });
});

describe('an ingress', () => {
  const fixed = target('10.9.0.2', 'ip');
  const goes = (request: string): string | undefined => {
    ask(request, { fixed, ingress: true });
    return sent.at(-1)?.to;
  };

  it('sends a request to the service that it names itself, and the name goes no further', () => {
    expect(goes('GET / HTTP/1.1\nHost: shop.example\nl5d-dst-override: web.shop.svc.cluster.local:80')).toBe(
      'web.shop.svc.cluster.local',
    );
    expect(sent.at(-1)?.exchange.outgoing.fields).toEqual([]);
  });

  it('sends one that names none by its authority, and a host of the world outside where it was going', () => {
    expect(goes('GET / HTTP/1.1\nHost: web')).toBe('web');
    expect(goes('GET / HTTP/1.1\nHost: shop.example')).toBe('10.9.0.2');
  });

  it('anywhere else such a name is not followed', () => {
    ask('GET / HTTP/1.1\nHost: web\nl5d-dst-override: db.shop:80', { fixed });
    expect(sent.at(-1)?.to).toBe('10.9.0.2');
  });
});
