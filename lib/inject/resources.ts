import type { ProxySettings } from './config.ts';
import { quantityValue } from './quantity.ts';
import type { InjectProblem } from './report.ts';

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

const bounded = [
  ['cpuRequest', 'cpuLimit', 'CPU'],
  ['memoryRequest', 'memoryLimit', 'memory'],
  ['ephemeralStorageRequest', 'ephemeralStorageLimit', 'ephemeral storage'],
] as const;

/**
 * The settings with no request above its limit, for such a pod is never created: the mesh asks for an amount, and a
 * workload limits its own sidecar to less without knowing it.
 */
export function withinLimits(settings: ProxySettings, object: string, problems: InjectProblem[]): ProxySettings {
  let result = settings;
  for (const [request, limit, what] of bounded) {
    const asked = quantityValue(settings[request] ?? '');
    const most = quantityValue(settings[limit] ?? '');
    if (asked === undefined || most === undefined || asked <= most) continue;
    result = { ...result, [request]: settings[limit] };
    problems.push({
      severity: 'warning',
      object,
      field: 'resources',
      message: `the proxy asks for ${settings[request]} of ${what}, more than its limit of ${settings[limit]}`,
      consequence: 'it asks for as much as the limit',
    });
  }
  return result;
}
