import { refuse } from './checks.ts';

/** Hosts of a route, as they were given. Throws for none, for more than 16, and for what is no name of DNS in lower case. */
export function checkedHosts(hostnames: string[]): string[] {
  if (hostnames.length === 0 || hostnames.length > 16) refuse('hostnames', hostnames.length, 'must be from 1 to 16');
  for (const name of hostnames) {
    const isName = /^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(name);
    if (!isName || name.length > 253)
      refuse('hostnames', name, "must be names in lower case, such as '*.shop.example'");
  }
  return hostnames;
}
