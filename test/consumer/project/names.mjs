import { Compat, InboundPolicy, Injection, Mesh, MeshedDeployment, MeshInjection, WorkloadMesh } from 'tulle';

const names = [Compat, InboundPolicy, Injection, Mesh, MeshedDeployment, MeshInjection, WorkloadMesh];
console.log(names.map(({ name }) => name).sort().join(' '));
