import { readdirSync, readFileSync, statSync } from 'node:fs';
import type { Collector } from './registry.ts';

export interface IdentityStatus {
  readonly expiresMs: number | undefined;
  readonly refreshedMs: number;
  readonly refreshes: number;
  readonly failures: number;
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
    family('process_virtual_memory_bytes', 'gauge', 'Virtual memory.', virtualBytes());
    family('process_open_fds', 'gauge', 'Open file descriptors.', openDescriptors());
    family('proxy_build_info', 'gauge', 'This build.', 1, `{version="${version}",profile="release"}`);
    const { expiresMs, refreshedMs, refreshes, failures } = identity();
    if (expiresMs !== undefined) {
      // Proxies of before 2026 call them so: dashboards of both are about.
      for (const prefix of ['control_identity', 'identity']) {
        family(`${prefix}_cert_expiration_timestamp_seconds`, 'gauge', 'End of the certificate.', expiresMs / 1000);
        family(`${prefix}_cert_refresh_timestamp_seconds`, 'gauge', 'Last renewal.', refreshedMs / 1000);
      }
      family('identity_cert_refreshes_total', 'counter', 'Certificates obtained.', refreshes);
    }
    const attempts = 'control_identity_cert_refreshes_total';
    family(attempts, 'counter', 'Attempts to obtain a certificate.', refreshes, '{result="ok"}');
    into.push(`${attempts}{result="error"} ${failures}\n`);
  };
}

/** Field 23 of /proc/self/stat (proc(5)): counted behind the program's name, which is in parentheses. */
function virtualBytes(): number {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[20]);
  } catch {
    return 0;
  }
}

function openDescriptors(): number {
  try {
    // Since Linux 6.2 it tells how many there are; to list thousands takes milliseconds.
    return statSync('/proc/self/fd').size || readdirSync('/proc/self/fd').length;
  } catch {
    // Not on this platform.
    return 0;
  }
}
