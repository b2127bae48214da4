import { App, Chart, Testing } from 'cdk8s';
import { Mesh } from '../../../lib/index.ts';

export interface MeshObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

/** What the install consists of, of some kinds, in its order. */
export function meshObjects(...kinds: string[]): MeshObject[] {
  const chart = new Chart(new App(), 'tulle');
  new Mesh(chart, 'mesh');
  return (Testing.synth(chart) as MeshObject[]).filter(({ kind }) => kinds.includes(kind));
}

/** One webhook's configuration, for a server on this machine instead of a Service, and binding: what it cannot see fails. */
export function webhookConfiguration(kind: string, webhook: string, port: number): MeshObject {
  const found = meshObjects(kind).find(({ metadata }) => metadata.name === `tulle-tulle-${webhook}-webhook-config`);
  if (found === undefined) throw new Error(`the install has no ${kind} of ${webhook}`);
  const webhooks = (found['webhooks'] as Record<string, unknown>[]).map((one) => ({
    ...one,
    clientConfig: { url: `https://localhost:${port}/` },
    failurePolicy: 'Fail',
  }));
  return { ...found, webhooks };
}
