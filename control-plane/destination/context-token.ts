/** What a client says of itself, so that answers can fit where it is. */
export interface ClientContext {
  readonly namespace: string | undefined;
  readonly node: string | undefined;
  readonly pod: string | undefined;
}

const nothingKnown: ClientContext = { namespace: undefined, node: undefined, pod: undefined };

/** Of a token, in characters: names and nothing else. A longer one is refused. */
export const maxTokenLength = 4096;
/** Names of the cluster have 253 characters at most. */
const maxNameLength = 253;

/** Reads `{"ns":"shop","nodeName":"n1","pod":"web-1"}`, or `ns:shop` of old. What cannot be read says nothing. */
export function parseContextToken(token: string): ClientContext {
  const old = /^ns:([^:]+)$/.exec(token);
  if (old) return { ...nothingKnown, namespace: textOf(old[1]) };
  try {
    const value: unknown = JSON.parse(token);
    if (typeof value !== 'object' || value === null) return nothingKnown;
    const { ns, nodeName, pod } = value as Record<string, unknown>;
    return { namespace: textOf(ns), node: textOf(nodeName), pod: textOf(pod) };
  } catch {
    return nothingKnown;
  }
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' && value.length <= maxNameLength ? value : undefined;
