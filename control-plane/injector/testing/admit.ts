import { type InjectConfig, injectConfig, type Manifest, type Metadata } from '../../../lib/inject/index.ts';
import { parseReview } from '../../webhook/admission-review.ts';
import { type InjectionEvent, injector } from '../admission.ts';
import type { JsonPatchOperation } from '../json-patch.ts';
import { type Owner, Owners } from '../owners.ts';
import { applyJsonPatch } from './apply-json-patch.ts';

export interface AdmitOptions {
  readonly config?: InjectConfig;
  readonly namespaces?: ReadonlyMap<string, Metadata>;
  readonly request?: Readonly<Record<string, unknown>>;
  readonly metrics?: Parameters<typeof injector>[0]['metrics'];
}

/** Sends an object through the webhook as the API server does, and applies the patch that comes back. */
export async function admit(object: Manifest, options: AdmitOptions = {}) {
  const { config = injectConfig(), namespaces = new Map(), request, metrics } = options;
  const events: { owner: Owner; event: InjectionEvent }[] = [];
  const api = { get: () => Promise.reject(new Error('no API server here')) };
  const owners = new Owners({ api, onProblem: () => {} });
  const handle = injector({
    config: () => config,
    namespace: async (name) => namespaces.get(name) ?? { name },
    owner: (pod, namespace) => owners.rootOf(pod, namespace),
    record: (owner, event) => events.push({ owner, event }),
    metrics: metrics ?? { request: () => {}, response: () => {} },
  });
  const { apiVersion = 'v1', kind = '', metadata } = object;
  const review = parseReview(
    JSON.stringify({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      request: {
        uid: 'u-1',
        operation: 'CREATE',
        kind: { group: '', version: apiVersion, kind },
        namespace: metadata?.namespace,
        object,
        ...request,
      },
    }),
  );
  const response = await handle(review.request);
  const operations = (response.patch ?? []) as JsonPatchOperation[];
  return { response, operations, events, object: applyJsonPatch(object, operations) as Manifest };
}
