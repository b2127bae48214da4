/**
 * An endpoint that answers nothing, on 8080 of POD_IP. `hole` takes no connection: the kernel drops who wants in, as the
 * queue of those that wait to be accepted is full. `mute` takes connections, and what is sent there, for nothing. On 8081
 * each says that it is ready, or it would be no endpoint.
 *
 * Usage: bun black-hole.ts hole|mute
 */
import { dlopen, FFIType, ptr } from 'bun:ffi';

const host = process.env['POD_IP'] ?? '127.0.0.1';
const port = 8080;

/** Runtimes accept what comes: only a socket of the C library's own can be left alone. */
function listenForNobody(): void {
  const { i32, u32 } = FFIType;
  const { symbols: libc } = dlopen('libc.so.6', {
    socket: { args: [i32, i32, i32], returns: i32 },
    bind: { args: [i32, FFIType.ptr, u32], returns: i32 },
    listen: { args: [i32, i32], returns: i32 },
    connect: { args: [i32, FFIType.ptr, u32], returns: i32 },
  });
  const [inet, stream, backlog] = [2, 1, 0];
  const address = Buffer.alloc(16);
  address.writeUInt16LE(inet, 0);
  address.writeUInt16BE(port, 2);
  address.set(host.split('.').map(Number), 4);
  const succeeded = (what: string, result: number): number => {
    if (result < 0) throw new Error(`${what} failed on ${host}:${port}`);
    return result;
  };
  const listener = succeeded('socket', libc.socket(inet, stream, 0));
  succeeded('bind', libc.bind(listener, ptr(address), address.length));
  succeeded('listen', libc.listen(listener, backlog));
  // The one for which there is room.
  const first = succeeded('socket', libc.socket(inet, stream, 0));
  succeeded('connect', libc.connect(first, ptr(address), address.length));
}

if (process.argv[2] === 'mute') Bun.listen({ hostname: host, port, socket: { data() {} } });
else listenForNobody();
Bun.serve({ hostname: host, port: 8081, fetch: () => new Response() });
