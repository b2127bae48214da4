import { type InjectConfig, injectConfig } from '../../lib/inject/index.ts';
import { isRecord } from '../../lib/inject/kubernetes.ts';

/**
 * Reads the key `values` of the ConfigMap tulle-config. A field that is missing has the default of this version, so that
 * an injector may be newer than the ConfigMap; one of another type is refused, with its path.
 */
export function parseInjectConfig(text: string): InjectConfig {
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch (error) {
    throw new Error(`must be JSON: ${(error as Error).message}`);
  }
  if (!isRecord(values)) throw new Error('must be an object');
  const model = injectConfig();
  checkTypes(values, { ...model, linkerd2: { image: '', version: '' } }, '');
  return injectConfig(values);
}

function checkTypes(values: Record<string, unknown>, model: Record<string, unknown>, path: string): void {
  for (const [key, example] of Object.entries(model)) {
    const value = values[key];
    if (value === undefined || example === undefined) continue;
    if (typeOf(value) !== typeOf(example)) throw new Error(`${path}${key} must be a ${typeOf(example)}`);
    if (isRecord(value) && isRecord(example)) checkTypes(value, example, `${path}${key}.`);
  }
}

const typeOf = (value: unknown): string => (Array.isArray(value) ? 'list' : value === null ? 'null' : typeof value);
