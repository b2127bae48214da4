import { expect, it } from 'vitest';
import { ApiError } from '../../control-plane/kubernetes/api.ts';
import { statusError } from '../../control-plane/kubernetes/status-error.ts';
import { explain } from './cluster.ts';
import { refusalText } from './refusal.ts';

it.each([
  ['GET /api/v1/pods', 'list pods in all namespaces', 'list pods --all-namespaces'],
  ['GET /api/v1/namespaces/shop/pods', 'list pods in namespace shop', 'list pods --namespace shop'],
  ['GET /api/v1/nodes', 'list nodes', 'list nodes'],
  ['GET /api/v1/namespaces', 'list namespaces', 'list namespaces'],
  ['GET /api/v1/namespaces/shop', 'get namespaces/shop', 'get namespaces/shop'],
  [
    'GET /apis/apps/v1/namespaces/shop/deployments',
    'list deployments.apps in namespace shop',
    'list deployments.apps --namespace shop',
  ],
  [
    'GET /api/v1/namespaces/tulle/configmaps/tulle-config',
    'get configmaps/tulle-config in namespace tulle',
    'get configmaps/tulle-config --namespace tulle',
  ],
  [
    'GET /api/v1/namespaces/shop/pods/web-1:4191/proxy/metrics',
    'get the proxy of pods/web-1 in namespace shop',
    'get pods/web-1 --subresource=proxy --namespace shop',
  ],
  [
    'POST /apis/rbac.authorization.k8s.io/v1/clusterroles?dryRun=All',
    'create clusterroles.rbac.authorization.k8s.io',
    'create clusterroles.rbac.authorization.k8s.io',
  ],
  ['GET /version', 'get /version', 'get /version'],
])('%s, refused, is that you may not %s', (call, sentence, question) => {
  const error = new ApiError(403, 'Forbidden', `${call}: 403 Forbidden`, { call });
  expect(refusalText(error)).toBe(`you may not ${sentence}: see 'kubectl auth can-i ${question}'`);
});

it('what a pod or a gateway has refused is told as it was said: no Role would help', () => {
  const call = 'GET /api/v1/namespaces/shop/pods/web-1:4191/proxy/metrics';
  const body = 'the policy of this port does not let this client in\n';
  const error = statusError(call, { statusCode: 403, headers: {} }, body);
  expect(refusalText(error)).toBe(`${call}: 403 ${body.trim()}`);
  expect(explain(error, { title: 'there' })).toBe(`there: ${call}: 403 ${body.trim()}`);
});

it('of a call that is not known, the message of the API server is told', () => {
  expect(refusalText(new ApiError(403, 'Forbidden', 'no'))).toBe('no');
});
