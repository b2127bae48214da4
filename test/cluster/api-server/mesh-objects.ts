import { App, Chart, Testing } from 'cdk8s';
import { Mesh, type MeshProps } from '../../../lib/index.ts';

export interface MeshObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

/** What an install consists of, in its order. */
export function meshInstall(props: MeshProps = {}): MeshObject[] {
  const chart = new Chart(new App(), 'tulle');
  new Mesh(chart, 'mesh', props);
  return Testing.synth(chart) as MeshObject[];
}

/** That of some kinds. */
export const meshObjects = (...kinds: string[]): MeshObject[] =>
  meshInstall().filter(({ kind }) => kinds.includes(kind));

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
