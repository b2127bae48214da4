const { Testing } = require('cdk8s');
const { MeshedDeployment } = require('tulle');

try {
  const options = { containers: [{ image: 'shop/web:2.0' }], metadata: { name: 'web' } };
  const { mesh } = new MeshedDeployment(Testing.chart(), 'web', options);
  console.log(`identity: ${mesh.identity}`);
} catch (error) {
  console.log(error.message);
}
