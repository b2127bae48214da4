import { containsPort, type PortEntry } from '../contract/port-list.ts';
import type { Container } from './kubernetes.ts';

/** A port of the application, and where the sidecar takes the plain connections to it in explicit mode. */
export interface ExplicitPort {
  readonly app: number;
  readonly listener: number;
}

const firstListener = 14_143;
const namePrefix = 'tulle-in-';

/**
 * A listener for each port of the application: nothing is intercepted that would show which port a connection was meant
 * for, so each has its own. Ports that skip the proxy have none. Listeners never take a port of the application.
 */
export function explicitPorts(appPorts: readonly number[], skipped: readonly PortEntry[]): ExplicitPort[] {
  const taken = new Set(appPorts);
  let listener = firstListener;
  return appPorts
    .filter((app) => !containsPort(skipped, app))
    .map((app) => {
      while (taken.has(listener)) listener++;
      return { app, listener: listener++ };
    });
}

/** The target port that Services name to reach the sidecar for a port of the application. At most 14 letters long. */
export const explicitPortName = (app: number): string => `${namePrefix}${app}`;

/** The application's port that such a name stands for; undefined for anything else. */
export function explicitAppPort(targetPort: unknown): number | undefined {
  if (typeof targetPort !== 'string' || !targetPort.startsWith(namePrefix)) return undefined;
  const port = Number(targetPort.slice(namePrefix.length));
  return Number.isInteger(port) && port > 0 ? port : undefined;
}

/** The application's ports for which an injected sidecar has listeners; empty when it is not in explicit mode. */
export function explicitPortsOf(sidecar: Container | undefined): ReadonlySet<number> {
  const ports = (sidecar?.ports ?? []).map(({ name }) => explicitAppPort(name));
  return new Set(ports.filter((port): port is number => port !== undefined));
}
