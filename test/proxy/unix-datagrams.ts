/** Run by Bun: prints each datagram that arrives at the Unix socket of the first argument, as a line of JSON. */
import { dlopen, FFIType, ptr } from 'bun:ffi';

const { symbols: libc } = dlopen('libc.so.6', {
  socket: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
  bind: { args: [FFIType.i32, FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
  recv: { args: [FFIType.i32, FFIType.ptr, FFIType.u64, FFIType.i32], returns: FFIType.i64 },
});
const [, , path] = process.argv;
// AF_UNIX and SOCK_DGRAM.
const socket = libc.socket(1, 2, 0);
const name = Buffer.from(`\u0001\u0000${path}\u0000`, 'latin1');
if (libc.bind(socket, ptr(name), name.length) !== 0) throw new Error(`cannot listen at ${path}`);
const buffer = Buffer.alloc(65_536);
for (;;) {
  const length = Number(libc.recv(socket, ptr(buffer), buffer.length, 0));
  process.stdout.write(`${JSON.stringify(buffer.toString('latin1', 0, length))}\n`);
}
