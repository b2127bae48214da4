/** What `cdk8s synth` runs: the install with its defaults, written to dist/ (or where CDK8S_OUTDIR says). */
import { meshApp } from './mesh.ts';

meshApp().synth();
