import { readdirSync, readlinkSync } from 'node:fs';
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
