import { type AddressInfo, connect, createServer, type Server } from 'node:net';

/**
 * Passes connections on to `host:port`, what clients send in pieces of `pieceBytes`, each in a segment of its own: the
 * network may cut a stream anywhere.
 */
export function relay(host: string, port: number, pieceBytes: number): Promise<{ port: number; close(): void }> {
  const server: Server = createServer((client) => {
    const upstream = connect({ host, port, noDelay: true });
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
    upstream.pipe(client);
    void (async () => {
      for await (const chunk of client as AsyncIterable<Buffer>) {
        for (let at = 0; at < chunk.length; at += pieceBytes) {
          await new Promise<void>((resolve) => upstream.write(chunk.subarray(at, at + pieceBytes), () => resolve()));
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
      upstream.end();
    })().catch(() => upstream.destroy());
  });
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () =>
      resolve({ port: (server.address() as AddressInfo).port, close: () => server.close() }),
    ),
  );
}
