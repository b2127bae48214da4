import {
  Compat,
  InboundPolicy,
  Injection,
  Mesh,
  MeshedDeployment,
  MeshInjection,
  MeshReference,
  Statsd,
  StatsdTags,
  WorkloadMesh,
} from 'tulle';
import { MeshModel } from 'tulle/testing';

const names = [MeshModel, Compat, InboundPolicy, Injection, Mesh, MeshedDeployment, MeshInjection, MeshReference, Statsd, StatsdTags, WorkloadMesh];
console.log(names.map(({ name }) => name).sort().join(' '));
