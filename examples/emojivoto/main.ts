/** Writes emojivoto's manifests to dist/ (or where CDK8S_OUTDIR says): `cdk8s synth -a 'node examples/emojivoto/main.ts'`. */
import { App } from 'cdk8s';
import { Emojivoto } from './emojivoto-chart.ts';

const app = new App();
new Emojivoto(app, 'emojivoto');
app.synth();
