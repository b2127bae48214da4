/** The pod that a proxy says it stands beside. */
export interface WorkloadRef {
  readonly namespace: string;
  readonly pod: string;
}

/** Of what a client says, and of a name in it, in characters. */
const maxLength = 4096;
const maxNameLength = 253;

/** Reads `{"ns":"shop","pod":"web-1"}` or `shop:web-1`. Undefined when it is neither. */
export function parseWorkload(text: string): WorkloadRef | undefined {
  if (text.length > maxLength) return undefined;
  const ref = read(text);
  return ref !== undefined && ref.namespace.length <= maxNameLength && ref.pod.length <= maxNameLength
    ? ref
    : undefined;
}

function read(text: string): WorkloadRef | undefined {
  const short = /^([^:{}"]+):([^:{}"]+)$/.exec(text);
  if (short) return { namespace: short[1], pod: short[2] };
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    const { ns, pod } = value as { ns?: unknown; pod?: unknown };
    return typeof ns === 'string' && typeof pod === 'string' ? { namespace: ns, pod } : undefined;
  } catch {
    return undefined;
  }
}
