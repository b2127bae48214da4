import type { ProxySettings } from './config.ts';

/** What the containers of the mesh ask for in a pod, and may use; undefined when the settings say nothing. */
export function resourcesOf(settings: ProxySettings): Record<string, Record<string, string>> | undefined {
  const limits = quantities(settings.cpuLimit, settings.memoryLimit, settings.ephemeralStorageLimit);
  const requests = quantities(settings.cpuRequest, settings.memoryRequest, settings.ephemeralStorageRequest);
  return limits || requests ? { ...(limits && { limits }), ...(requests && { requests }) } : undefined;
}

function quantities(cpu?: string, memory?: string, storage?: string): Record<string, string> | undefined {
  const set = Object.entries({ cpu, memory, 'ephemeral-storage': storage }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return set.length > 0 ? Object.fromEntries(set) : undefined;
}
