import { readdirSync } from 'node:fs';
import type { Collector } from './registry.ts';

export interface IdentityStatus {
  readonly expiresMs: number | undefined;
  readonly refreshedMs: number;
  readonly refreshes: number;
}

/** Families about this process and its certificate, under the names of Linkerd's proxy. */
export function processMetrics(version: string, startedMs: number, identity: () => IdentityStatus): Collector {
  return (into) => {
    const family = (
      name: string,
      type: 'gauge' | 'counter',
      help: string,
      value: number | string,
      labels = '',
    ): void => {
      into.push(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name}${labels} ${value}\n`);
    };
    const { user, system } = process.cpuUsage();
    family('process_start_time_seconds', 'gauge', 'Start of the process, seconds since the epoch.', startedMs / 1000);
    family('process_cpu_seconds_total', 'counter', 'CPU time used, user and system.', (user + system) / 1e6);
    family('process_resident_memory_bytes', 'gauge', 'Resident memory.', process.memoryUsage.rss());
    family('process_open_fds', 'gauge', 'Open file descriptors.', openDescriptors());
    family('proxy_build_info', 'gauge', 'This build.', 1, `{version="${version}",profile="release"}`);
    const { expiresMs, refreshedMs, refreshes } = identity();
    if (expiresMs === undefined) return;
    family('identity_cert_expiration_timestamp_seconds', 'gauge', 'End of the certificate.', expiresMs / 1000);
    family('identity_cert_refresh_timestamp_seconds', 'gauge', 'Last renewal.', refreshedMs / 1000);
    family('identity_cert_refreshes_total', 'counter', 'Certificates obtained.', refreshes);
  };
}

function openDescriptors(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    // Not on this platform.
    return 0;
  }
}
