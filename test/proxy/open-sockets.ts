import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';

/** Sockets that a process has open now. */
export function openSockets(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).filter((fd) => {
    try {
      return readlinkSync(join(folder, fd)).startsWith('socket:');
    } catch {
      return false; // closed since it was listed
    }
  }).length;
}

/** A port as the kernel lists it. */
const hexOf = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');

/** Connections to an IPv4 port of this machine that its owner has not ended (proc(5), /proc/net/tcp). */
export function acceptedConnections(port: number): number {
  const local = hexOf(port);
  const established = new RegExp(`^ *\\d+: [0-9A-F]{8}:${local} [0-9A-F]{8}:[0-9A-F]{4} (01|08) `, 'gm');
  return readFileSync('/proc/net/tcp', 'utf8').match(established)?.length ?? 0;
}

/** Bytes that an IPv4 socket of this machine has sent to another of it, which have not been read yet (proc(5)). */
export function unreadBytes({ localPort = 0 }: Socket): number {
  const port = `:${hexOf(localPort)}`;
  let bytes = 0;
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n')) {
    const [, local, remote, , queues = ''] = line.trim().split(/\s+/);
    const [sent, received] = queues.split(':');
    if (local?.endsWith(port)) bytes += Number.parseInt(sent, 16);
    if (remote?.endsWith(port)) bytes += Number.parseInt(received, 16);
  }
  return bytes;
}
