import * as http2 from 'node:http2';
import { describe, expect, it, vi } from 'vitest';
import { fieldValue } from '../field.ts';
import { Gather, ourClient, request } from '../testing/http2-peers.ts';

describe("HTTP/2 client side against Node's server", () => {
  it('gets fields, body and trailers', async () => {
    const client = await ourClient((stream, headers) => {
      stream.respond({ ':status': 200, 'x-path': headers[':path'] }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '13' }));
      stream.end('hello');
    });
    for (let i = 0; i < 3; i++) {
      const got = new Gather();
      client.request(request({ method: 'GET', path: '/p' }), true, got);
      await got.done;
      expect([
        got.head?.status,
        got.body.toString(),
        fieldValue(got.head!.fields, 'x-path'),
        fieldValue(got.trailers, 'grpc-status'),
      ]).toEqual([200, 'hello', '/p', '13']);
    }
  });

  it('sends and takes 5 MB within the windows, telling what has left', async () => {
    const client = await ourClient((stream) => {
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
    });
    const got = new Gather();
    const stream = client.request(request(), false, got)!;
    got.onChunk = (bytes) => stream.credit(bytes);
    const body = Buffer.alloc(5_000_000, 'abcdefghij');
    stream.sendData(body, true);
    await got.done;
    expect(got.body.equals(body)).toBe(true);
    expect(got.sent).toBe(body.length);
  });

  it('opens as many streams as the peer allows, and is available again when one of them ends', async () => {
    let available = 0;
    const ends: (() => void)[] = [];
    const client = await ourClient(
      (stream) => {
        stream.respond({ ':status': 200 });
        ends.push(() => stream.end());
      },
      { maxConcurrentStreams: 10 },
      () => available++,
    );
    while (client.available) client.request(request(), true, new Gather());
    expect([client.activeStreams, available]).toEqual([10, 1]);
    await vi.waitFor(() => expect(ends.length).toBe(10));
    ends[0]();
    await vi.waitFor(() => expect([client.activeStreams, available]).toEqual([9, 2]));
    expect(client.available).toBe(true);
  });

  it('lets what is under way finish when it drains', async () => {
    let finish = () => {};
    const client = await ourClient((stream) => {
      stream.respond({ ':status': 200 });
      finish = () => stream.end('late');
    });
    const got = new Gather();
    client.request(request({ method: 'GET' }), true, got);
    await vi.waitFor(() => expect(got.head?.status).toBe(200));
    client.drain();
    expect(client.available).toBe(false);
    // Were the GOAWAY not to the server's taste, it would have ended the stream by now.
    await new Promise((resolve) => setTimeout(resolve, 50));
    finish();
    await got.done;
    expect([got.body.toString(), got.reset]).toEqual(['late', undefined]);
  });

  it('is told of resets with their code, and of a lost connection', async () => {
    const client = await ourClient((stream, headers) => {
      stream.on('error', () => {});
      if (headers[':path'] === '/lost') stream.session?.destroy();
      else stream.close(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
    });
    const refused = new Gather();
    client.request(request({ method: 'GET' }), true, refused);
    await refused.done;
    expect(refused.reset).toBe(11);
    const lost = new Gather();
    client.request(request({ method: 'GET', path: '/lost' }), true, lost);
    await lost.done;
    expect(lost.reset).toBeDefined();
    expect(client.available).toBe(false);
  });
});
