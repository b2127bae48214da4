import { dlopen, FFIType, ptr } from 'bun:ffi';
import { formatIp } from '../wire/ip-network.ts';

const { symbols: libc } = dlopen('libc.so.6', {
  getsockopt: { args: [FFIType.i32, FFIType.i32, FFIType.i32, FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
  setsockopt: { args: [FFIType.i32, FFIType.i32, FFIType.i32, FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
  listen: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
});

const solIp = 0;
const solIpv6 = 41;
/** SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST, of linux/netfilter_ipv4.h and linux/netfilter_ipv6/ip6_tables.h. */
const originalDestinationOption = 80;
const tcp = 6;
const tcpUserTimeout = 18;

const address = Buffer.alloc(28);
const length = Buffer.alloc(4);

export function raiseBacklog(fd: number, backlog: number): void {
  if (fd >= 0) libc.listen(fd, backlog);
}

/** How long written bytes may stay unacknowledged before the kernel gives the connection up (RFC 5482). */
export function setUserTimeout(fd: number, timeoutMs: number): void {
  const value = Buffer.alloc(4);
  value.writeInt32LE(timeoutMs, 0);
  libc.setsockopt(fd, tcp, tcpUserTimeout, ptr(value), 4);
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
