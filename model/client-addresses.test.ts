import { App, Chart } from 'cdk8s';
import { describe, expect, it } from 'vitest';
import { InboundPolicy, MeshedDeployment, Network } from '../lib/index.ts';
import { MeshModel } from './mesh-model.ts';

/** `orders`, which `web` may call, and whoever comes from some networks. */
function shop(networks: readonly (string | Network)[] = [], inboundPolicy?: InboundPolicy) {
  const app = new App();
  const chart = new Chart(app, 'shop', { namespace: 'shop' });
  const containers = [{ image: 'shop/any:1', portNumber: 8080 }];
  const web = new MeshedDeployment(chart, 'web', { metadata: { name: 'web' }, containers });
  const orders = new MeshedDeployment(chart, 'orders', {
    metadata: { name: 'orders' },
    containers,
    mesh: { inboundPolicy },
  });
  if (inboundPolicy === undefined) orders.mesh.allowFrom(web);
  if (networks.length > 0) orders.mesh.allowUnmeshed(8080, ...networks);
  return MeshModel.of(app);
}
const web = 'web.shop.serviceaccount.identity.tulle.cluster.local';

describe('clients without an identity are among the callers', () => {
  it.each<[string, MeshModel]>([
    ['from one network', shop(['192.0.2.0/24'])],
    ['from one address', shop(['192.0.2.7'])],
    ['from one network of IPv6', shop(['2001:db8::/32'])],
    ['from all but one', shop([Network.cidr('0.0.0.0/0', '203.0.113.0/24')])],
    ['of the cluster', shop([], InboundPolicy.clusterUnauthenticated())],
  ])('%s', (_, model) => expect(model.callersOf('shop/orders')).toContain('*'));

  it('and not where an identity is asked for', () => {
    expect(shop().callersOf('shop/orders')).toEqual([web]);
    expect(shop([], InboundPolicy.clusterAuthenticated()).callersOf('shop/orders')).not.toContain('*');
  });
});

describe('a change that lets in more addresses opens calls of clients without an identity', () => {
  const opened = { from: '*', to: 'shop/deployment/orders', port: 8080, route: undefined };

  it.each<[string, MeshModel, MeshModel]>([
    ['where there were none', shop(), shop(['192.0.2.0/24'])],
    ['a wider network', shop(['192.0.2.0/25']), shop(['192.0.2.0/24'])],
    ['one without the hole', shop([Network.cidr('10.0.0.0/8', '10.1.0.0/16')]), shop(['10.0.0.0/8'])],
    ['another network', shop(['10.0.0.0/8']), shop(['192.0.2.0/24'])],
    ['IPv6, too', shop(['0.0.0.0/0']), shop(['0.0.0.0/0', '::/0'])],
  ])('%s', (_, before, after) => {
    expect(MeshModel.compare(before, after).opened).toContainEqual(opened);
    expect(MeshModel.compare(after, after).opened).toEqual([]);
  });

  it('and one that lets in fewer shuts them', () => {
    const { opened: more, shut } = MeshModel.compare(shop(['192.0.2.0/24']), shop(['192.0.2.128/25']));
    expect(more).toEqual([]);
    expect(shut).toEqual([opened]);
  });
});

it('a call comes from the address that is given, if it is of no workload', () => {
  const model = shop(['10.20.0.0/16']);
  const call = (address?: string) => model.call({ address, to: 'tcp://10.244.0.2:8080' }).allowed;
  expect([call(), call('10.20.0.7'), call('10.21.0.7'), call('::ffff:10.20.0.7')]).toEqual([false, true, false, true]);
  expect(() => call('10.20')).toThrow("'address' (10.20) must be an address such as 10.20.0.7 or fd00::7");
  expect(() => model.call({ from: 'shop/web', address: '10.20.0.7', to: 'http://a/' })).toThrow(
    "'address' (10.20.0.7) must be left out: pods of 'from' have theirs",
  );
});
