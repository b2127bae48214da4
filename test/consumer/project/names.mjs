import {
  AccessLog,
  CertManagerIssuer,
  Compat,
  InboundPolicy,
  Injection,
  Interception,
  LogLevel,
  Mesh,
  MeshedCronJob,
  MeshedDaemonSet,
  MeshedDeployment,
  MeshedJob,
  MeshedNamespace,
  MeshedStatefulSet,
  MeshInjection,
  MeshReference,
  PodSecurity,
  PullPolicy,
  Statsd,
  StatsdTags,
  Tracing,
  TrustAnchors,
  WorkloadMesh,
} from 'tulle';
import { MeshModel } from 'tulle/testing';

const names = [MeshModel, AccessLog, CertManagerIssuer, Compat, InboundPolicy, Injection, Interception, LogLevel, Mesh, MeshedCronJob, MeshedDaemonSet, MeshedDeployment, MeshedJob, MeshedNamespace, MeshedStatefulSet, MeshInjection, MeshReference, PodSecurity, PullPolicy, Statsd, StatsdTags, Tracing, TrustAnchors, WorkloadMesh];
console.log(names.map(({ name }) => name).sort().join(' '));
