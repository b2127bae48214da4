/** Writes emojivoto and other versions of its services, for rules of traffic to lead to: see docs/guides/traffic-rules.md. */
import { App } from 'cdk8s';
import { Emojivoto, EmojivotoVersions } from './emojivoto-chart.ts';

const app = new App();
new Emojivoto(app, 'emojivoto');
new EmojivotoVersions(app, 'emojivoto-versions');
app.synth();
