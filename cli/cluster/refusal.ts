import { ApiError } from '../../control-plane/kubernetes/api.ts';

/** Collections that are the whole cluster's: of others, one without a namespace is that of all namespaces. */
const clusterScoped: ReadonlySet<string> = new Set([
  'namespaces',
  'nodes',
  'clusterroles',
  'clusterrolebindings',
  'customresourcedefinitions',
  'mutatingwebhookconfigurations',
  'validatingwebhookconfigurations',
  'selfsubjectaccessreviews',
  'selfsubjectreviews',
]);

const verbs: Readonly<Record<string, string>> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };

/** A call that RBAC refuses, as a sentence and as the question that shows it. */
interface Refusal {
  /** `you may not list pods in namespace shop`. */
  readonly sentence: string;
  /** `kubectl auth can-i list pods --namespace shop`. */
  readonly question: string;
}

/** Whether this user may not do what was asked of the API server; the rest may be known all the same. */
export const isRefused = (error: unknown): error is ApiError => error instanceof ApiError && error.status === 403;

/**
 * Whether it was the API server that refused: it says so by an object with a reason. What answers without one is a proxy
 * before it, or a pod behind it whose policy does not let the API server in: no Role helps there.
 */
export const isOfApiServer = ({ reason }: ApiError): boolean => reason !== '';

/** What this user may not do, and the command that shows it. */
export function refusalText(error: ApiError): string {
  const refusal = isOfApiServer(error) ? refusalOf(error.call) : undefined;
  return refusal === undefined ? error.message : `${refusal.sentence}: see '${refusal.question}'`;
}

/** `call` is a method and a path, such as `GET /api/v1/pods`. */
function refusalOf(call: string | undefined): Refusal | undefined {
  const [method = '', target = ''] = call?.split(' ') ?? [];
  const [path] = target.split('?');
  const match =
    /^\/api(?:s\/([^/]+))?\/[^/]+\/(?:namespaces\/([^/]+)\/(?=[^/]))?([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?/.exec(path);
  if (match === null) {
    const verb = (verbs[method] ?? 'get').toLowerCase();
    return path === '' ? undefined : refusal(verb, path, '');
  }
  const [, group, namespace, plural, object, subresource] = match;
  const verb = verbs[method] ?? (object === undefined ? 'list' : 'get');
  // A pod's proxy is named with its port.
  const name = object?.split(':')[0];
  const resource = `${plural}${group === undefined ? '' : `.${group}`}${name === undefined ? '' : `/${name}`}`;
  const sub = subresource === undefined ? '' : ` --subresource=${subresource}`;
  const what = subresource === undefined ? resource : `the ${subresource} of ${resource}`;
  if (namespace !== undefined) {
    return {
      sentence: `you may not ${verb} ${what} in namespace ${namespace}`,
      question: `kubectl auth can-i ${verb} ${resource}${sub} --namespace ${namespace}`,
    };
  }
  if (clusterScoped.has(plural)) return refusal(verb, resource, sub);
  return {
    sentence: `you may not ${verb} ${what} in all namespaces`,
    question: `kubectl auth can-i ${verb} ${resource}${sub} --all-namespaces`,
  };
}

const refusal = (verb: string, resource: string, options: string): Refusal => ({
  sentence: `you may not ${verb} ${resource}`,
  question: `kubectl auth can-i ${verb} ${resource}${options}`,
});
