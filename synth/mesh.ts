import { App, type AppProps, Chart } from 'cdk8s';
import { Mesh, type MeshProps } from '../lib/index.ts';
import type { Manifest } from '../lib/inject/index.ts';

/** The app of the install: one chart, and so one file, `tulle.k8s.yaml`. */
export function meshApp(props: MeshProps = {}, appProps: AppProps = {}): App {
  const app = new App(appProps);
  new Mesh(new Chart(app, 'tulle'), 'mesh', props);
  return app;
}

/**
 * The objects of the install, in the order in which they are to be applied: what `cdk8s synth` writes and what
 * `tulle install` prints. The same props give the same objects, byte for byte.
 */
export function synthMesh(props: MeshProps = {}): Manifest[] {
  return meshApp(props).charts.flatMap((chart) => chart.toJson());
}

/** The same as one YAML text, the one that `cdk8s synth` writes to the file. */
export function synthMeshYaml(props: MeshProps = {}): string {
  return meshApp(props).synthYaml();
}
