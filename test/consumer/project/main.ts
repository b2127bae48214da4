import { App, Chart, type ChartProps } from 'cdk8s';
import { Deployment } from 'cdk8s-plus-33';
import type { Construct } from 'constructs';
import { Injection, Mesh, MeshInjection } from 'tulle';

export class MyChart extends Chart {
  constructor(scope: Construct, id: string, props: ChartProps = {}) {
    super(scope, id, props);
    new Deployment(this, 'web', { containers: [{ image: 'shop/web:2.0', portNumber: 8080 }] });
    this.with(new MeshInjection({ injection: Injection.static(), opaquePorts: [8080] }));
  }
}

const app = new App();
new Mesh(new Chart(app, 'tulle'), 'mesh', { highAvailability: true });
new MyChart(app, 'shop');
app.synth();
