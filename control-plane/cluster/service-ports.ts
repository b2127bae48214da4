import type { Service, ServicePort } from '../../lib/kinds/service.ts';

/** The mesh carries TCP alone; a UDP port may have the same number, and its name is not that of the TCP one. */
export function isTcp({ protocol }: { readonly protocol?: string }): boolean {
  return (protocol ?? 'TCP') === 'TCP';
}

/** The TCP port that a Service has under a number. */
export function servicePort(service: Service | undefined, port: number): ServicePort | undefined {
  return service?.spec?.ports?.find((candidate) => candidate.port === port && isTcp(candidate));
}
