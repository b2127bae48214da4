import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { TapEvent_ProxyDirection, TapEventSchema } from '../../api/gen/tap_pb.js';
import { Problems } from '../../lib/kinds/problems.ts';
import { serviceProfile } from '../../lib/kinds/service-profile.ts';
import { checkStructure } from '../../lib/kinds/structural-check.ts';
import { type CommandRun, run } from '../testing/run.ts';
import { TappedRoutes } from './tapped-routes.ts';

const profile = (args: string[], input = ''): Promise<CommandRun> =>
  run(['profile', '-n', 'shop', ...args], { input }).catch((failed) => failed);

it('the template is a profile that the mesh takes', async () => {
  const made = parse((await profile(['orders', '--template'])).out);
  expect(made.metadata).toEqual({ name: 'orders.shop.svc.cluster.local', namespace: 'shop' });
  const problems = new Problems();
  checkStructure(serviceProfile, made, problems);
  expect(problems.list).toEqual([]);
});

it('routes are those of an OpenAPI document, in YAML or JSON, or of a .proto file', async () => {
  const document = 'openapi: 3.0.0\npaths:\n  /items/{id}:\n    get: { responses: { "500": {} } }\n';
  const made = parse((await profile(['orders.other', '--open-api', '-'], document)).out);
  expect(made).toMatchObject({
    metadata: { name: 'orders.other.svc.cluster.local', namespace: 'other' },
    spec: { routes: [{ name: 'GET /items/{id}', condition: { method: 'GET', pathRegex: '/items/[^/]*' } }] },
  });
  const asJson = await profile(['orders.other', '--open-api', '-'], JSON.stringify(parse(document)));
  expect(parse(asJson.out)).toEqual(made);
  const proto =
    'syntax = "proto3";\npackage shop;\nservice Orders { rpc List(A) returns (B); }\nmessage A {}\nmessage B {}\n';
  expect(parse((await profile(['orders', '--proto', '-', '--cluster-domain', 'k8s'], proto)).out)).toMatchObject({
    metadata: { name: 'orders.shop.svc.k8s' },
    spec: { routes: [{ condition: { method: 'POST', pathRegex: '/shop\\.Orders/List' } }] },
  });
});

it.each([
  [['orders'], 'give one of --template', 64],
  [['orders', '--template', '--proto', '-'], 'give one of --template', 64],
  [['orders.shop.svc', '--template'], "'orders.shop.svc' must be the name of a Service", 64],
  [['orders: x', '--template'], 'must be the name of a Service', 64],
  [['orders', '--template', '--cluster-domain', 'a b'], '--cluster-domain (a b) must be a DNS domain', 64],
  [['orders', '--open-api', '-'], 'standard input: ', 1],
  [['orders', '--open-api', 'nowhere.yaml'], 'nowhere.yaml cannot be read: there is no such file or folder', 64],
  [['orders', '--proto', '.'], '. cannot be read: it is a folder, and must be a file', 64],
  [['orders', '--proto', '-'], 'standard input describes no operation', 1],
  [['orders', '--tap', 'deploy/web', '--tap-route-limit', '0'], '--tap-route-limit (0) must be a number from 1', 64],
])('%j is refused with what to write', async (args, message, exitCode) => {
  const { error } = await profile(args);
  expect(error?.message).toContain(message);
  expect(error).toMatchObject({ exitCode });
});

it('what comes in makes routes, each once and as it stands; what goes out does not', () => {
  const found = new TappedRoutes(2);
  const seen = (path: string, proxyDirection = TapEvent_ProxyDirection.INBOUND) =>
    found.add(
      create(TapEventSchema, {
        proxyDirection,
        event: {
          case: 'http',
          value: {
            event: { case: 'requestInit', value: { path, method: { type: { case: 'registered', value: 0 } } } },
          },
        },
      } as MessageInitShape<typeof TapEventSchema>),
    );
  seen('/b.json?q=1');
  seen('/b.json');
  seen('/out', TapEvent_ProxyDirection.OUTBOUND);
  seen(`/${'x'.repeat(600)}`);
  seen('/a');
  seen('/more');
  expect(found.routes()).toEqual([
    { name: 'GET /a', condition: { method: 'GET', pathRegex: '/a' } },
    { name: 'GET /b.json', condition: { method: 'GET', pathRegex: '/b\\.json' } },
  ]);
  expect(found.leftOut).toBe(2);
});
