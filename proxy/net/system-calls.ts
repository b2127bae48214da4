import { dlopen, FFIType, type Pointer, ptr, read } from 'bun:ffi';
import type { PageRange } from '../start-pages.ts';
import { formatIp } from '../wire/ip-network.ts';
import type { SocketOptions } from './socket-options.ts';

const { symbols: libc } = dlopen('libc.so.6', {
  getsockopt: { args: [FFIType.i32, FFIType.i32, FFIType.i32, FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
  setsockopt: { args: [FFIType.i32, FFIType.i32, FFIType.i32, FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
  listen: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
  fcntl: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
  dup3: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
  socket: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
  close: { args: [FFIType.i32], returns: FFIType.i32 },
  getrlimit: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
  connect: { args: [FFIType.i32, FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
  send: { args: [FFIType.i32, FFIType.ptr, FFIType.u64, FFIType.i32], returns: FFIType.i64 },
  __errno_location: { args: [], returns: FFIType.ptr },
  madvise: { args: [FFIType.u64, FFIType.u64, FFIType.i32], returns: FFIType.i32 },
});

const solIp = 0;
const solIpv6 = 41;
/** SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST, of linux/netfilter_ipv4.h and linux/netfilter_ipv6/ip6_tables.h. */
const originalDestinationOption = 80;
const socketLevel = 1;
const soKeepAlive = 9;
const tcp = 6;
const tcpKeepIdle = 4;
const tcpKeepInterval = 5;
const tcpUserTimeout = 18;
/** Beyond these the kernel refuses the option, and the connection would have none (MAX_TCP_KEEPIDLE; an int). */
const longestKeepAliveSeconds = 32_767;
const longestUserTimeoutMs = 2 ** 31 - 1;
/** MADV_DONTNEED of asm-generic/mman-common.h. */
const dontNeed = 4;

const internet = 2;
/** SOCK_STREAM, SOCK_NONBLOCK and SOCK_CLOEXEC, and the descriptor flags of the same kind (socket(2), fcntl(2), dup(2)). */
const streamNonBlockingCloseOnExec = 1 | 0o4000 | 0o2000000;
const duplicateCloseOnExec = 1030;
const closeOnExec = 0o2000000;
/** AF_UNIX, and SOCK_DGRAM with the flags above. */
const unix = 1;
const datagramNonBlockingCloseOnExec = 2 | 0o4000 | 0o2000000;
/** `sun_path` of unix(7), with the zero behind it. */
const longestUnixPath = 108;
/** MSG_DONTWAIT and MSG_NOSIGNAL of send(2). */
const doNotWait = 0x40 | 0x4000;
/** EAGAIN and ENOBUFS: the peer reads more slowly than it is written to. */
const full: ReadonlySet<number> = new Set([11, 105]);
/** RLIMIT_NOFILE. */
const descriptorLimit = 7;

const address = Buffer.alloc(28);
const length = Buffer.alloc(4);
const number = Buffer.alloc(4);

export function raiseBacklog(fd: number, backlog: number): void {
  if (fd >= 0) libc.listen(fd, backlog);
}

/** Another descriptor of the same open file; below 0 when there is none left. */
export const duplicateDescriptor = (fd: number): number => (fd < 0 ? -1 : libc.fcntl(fd, duplicateCloseOnExec, 0));

/** Makes `fd` a descriptor of the file that `by` is one of. Returns false when it stays what it was. */
export const replaceDescriptor = (fd: number, by: number): boolean => libc.dup3(by, fd, closeOnExec) === fd;

/** A socket that is not connected and does not listen; below 0 when there is no descriptor left. */
export const unusedSocket = (): number => libc.socket(internet, streamNonBlockingCloseOnExec, 0);

export function closeDescriptor(fd: number): void {
  if (fd >= 0) libc.close(fd);
}

/** A socket whose datagrams go to the one at `path`; below 0 when nobody has one there. */
export function connectUnixDatagrams(path: string): number {
  const bytes = Buffer.from(path);
  if (bytes.length >= longestUnixPath) return -1;
  const fd = libc.socket(unix, datagramNonBlockingCloseOnExec, 0);
  if (fd < 0) return -1;
  const name = Buffer.alloc(2 + bytes.length + 1);
  name.writeUInt16LE(unix, 0);
  bytes.copy(name, 2);
  if (libc.connect(fd, ptr(name), name.length) === 0) return fd;
  libc.close(fd);
  return -1;
}

/** `full`: there is no room for it now; `gone`: the peer is not there any more. */
export function sendDatagram(fd: number, text: string): 'sent' | 'full' | 'gone' {
  const bytes = Buffer.from(text);
  if (Number(libc.send(fd, ptr(bytes), bytes.length, doNotWait)) === bytes.length) return 'sent';
  return full.has(read.i32(libc.__errno_location() as Pointer)) ? 'full' : 'gone';
}

/** How many descriptors this process may have. */
export function maxDescriptors(): number {
  const limits = new BigUint64Array(2);
  // Without a limit it is the largest number there is.
  return libc.getrlimit(descriptorLimit, ptr(limits)) === 0 ? Number(limits[0]) : Number.POSITIVE_INFINITY;
}

/** Unmaps pages that are as they are in their file: they are read from there when they are needed (madvise(2)). */
export function dropPages({ from, to }: PageRange): void {
  libc.madvise(from, to - from, dontNeed);
}

/** Sets options of a connection; what is set on a listener, the connections that it accepts have from the start. */
export function setSocketOptions(fd: number, { keepAliveMs, userTimeoutMs }: SocketOptions): void {
  if (fd < 0) return;
  if (keepAliveMs !== undefined) {
    // The kernel counts in seconds.
    const seconds = Math.min(Math.max(1, Math.round(keepAliveMs / 1000)), longestKeepAliveSeconds);
    setOption(fd, socketLevel, soKeepAlive, 1);
    setOption(fd, tcp, tcpKeepIdle, seconds);
    setOption(fd, tcp, tcpKeepInterval, seconds);
  }
  if (userTimeoutMs !== undefined) setOption(fd, tcp, tcpUserTimeout, Math.min(userTimeoutMs, longestUserTimeoutMs));
}

/** The options that a socket has, as far as `setSocketOptions` sets them. */
export function socketOptions(fd: number): SocketOptions {
  const keepAliveMs = getOption(fd, socketLevel, soKeepAlive) ? getOption(fd, tcp, tcpKeepIdle) * 1000 : undefined;
  return { keepAliveMs, userTimeoutMs: getOption(fd, tcp, tcpUserTimeout) || undefined };
}

function setOption(fd: number, level: number, option: number, value: number): void {
  number.writeInt32LE(value, 0);
  libc.setsockopt(fd, level, option, ptr(number), 4);
}

function getOption(fd: number, level: number, option: number): number {
  length.writeUInt32LE(4, 0);
  return libc.getsockopt(fd, level, option, ptr(number), ptr(length)) === 0 ? number.readInt32LE(0) : 0;
}

/** Where a connection went before iptables redirected it; undefined when it was not redirected. */
export function originalDestination(fd: number): { address: string; port: number } | undefined {
  length.writeUInt32LE(16, 0);
  if (libc.getsockopt(fd, solIp, originalDestinationOption, ptr(address), ptr(length)) === 0) {
    return { address: address.subarray(4, 8).join('.'), port: address.readUInt16BE(2) };
  }
  length.writeUInt32LE(28, 0);
  if (libc.getsockopt(fd, solIpv6, originalDestinationOption, ptr(address), ptr(length)) === 0) {
    const bits = (address.readBigUInt64BE(8) << 64n) | address.readBigUInt64BE(16);
    return { address: formatIp({ bits, version: 6 }), port: address.readUInt16BE(2) };
  }
  return undefined;
}
