import { Size, Testing } from 'cdk8s';
import { MeshedDeployment } from 'tulle';

test('a MeshedDeployment asks for its sidecar', () => {
  const chart = Testing.chart();
  const web = new MeshedDeployment(chart, 'web', {
    containers: [{ image: 'shop/web:2.0', portNumber: 8080 }],
    mesh: { proxy: { memoryLimit: Size.mebibytes(96) } },
  });
  expect(web.mesh.identity).toBe('default.default.serviceaccount.identity.tulle.cluster.local');
  expect(Testing.synth(chart)).toMatchSnapshot();
});
