export {
  type ControlPlaneAddresses,
  defaultClusterNetworks,
  defaultProxySettings,
  type InjectConfig,
  type InjectConfigOptions,
  injectConfig,
  type ProxySettings,
} from './config.ts';
export type { InjectDecision, InjectMode } from './decision.ts';
export { decide } from './decision.ts';
export { explicitAppPort, explicitPortName } from './explicit-ports.ts';
export {
  annotateManifest,
  injectManifest,
  type ManifestContext,
  type ManifestResult,
  neighboursOf,
} from './inject-manifest.ts';
export { injectPod, type PodContext } from './inject-pod.ts';
export { injectService } from './inject-service.ts';
export type { Container, EnvVar, Manifest, Metadata, PodSpec, PodTemplate, Probe, Volume } from './kubernetes.ts';
export { lacksSidecar, type PlacedPod } from './missing-sidecar.ts';
export { formatReport, type InjectOutcome, type InjectProblem, type InjectReport } from './report.ts';
export { type UninjectOptions, uninjectManifest, uninjectPod } from './uninject.ts';
