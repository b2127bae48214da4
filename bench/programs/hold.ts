/**
 * Opens connections, has one request answered on each (or a tunnel opened by CONNECT, or says nothing), tells so, and
 * holds them open until its standard input ends.
 *
 * Usage: bun hold.ts HOST PORT AUTHORITY CONNECTIONS http|tunnel|silent
 */
import type { Socket } from 'bun';

const [host, port, authority, connections, kind] = process.argv.slice(2);
const method = kind === 'tunnel' ? `CONNECT ${authority}` : 'GET /hello';
const request = Buffer.from(`${method} HTTP/1.1\r\nhost: ${authority}\r\n\r\n`);
const sockets: Socket<{ answered: () => void }>[] = [];

function fail(reason: string): never {
  console.error(reason);
  process.exit(1);
}

for (let index = 0; index < Number(connections); index++) {
  // One after the other: a pool that all ask at once would grow for the burst, and that is another measurement.
  await new Promise<void>((resolve) => {
    Bun.connect<{ answered: () => void }>({
      hostname: host,
      port: Number(port),
      data: { answered: resolve },
      socket: {
        open: (socket) => {
          sockets.push(socket);
          if (kind === 'silent') resolve();
          else socket.write(request);
        },
        data: (socket, bytes) => {
          if (!bytes.toString('latin1', 0, 12).startsWith('HTTP/1.1 200')) fail(`not the answer: ${bytes}`);
          socket.data.answered();
        },
        close: () => fail('connection closed'),
      },
    }).catch((error: Error) => fail(error.message));
  });
}
console.log(`held ${sockets.length}`);
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
