import {
  Compat,
  InboundPolicy,
  Injection,
  Mesh,
  MeshedDeployment,
  MeshInjection,
  MeshReference,
  WorkloadMesh,
} from 'tulle';

const names = [Compat, InboundPolicy, Injection, Mesh, MeshedDeployment, MeshInjection, MeshReference, WorkloadMesh];
console.log(names.map(({ name }) => name).sort().join(' '));
