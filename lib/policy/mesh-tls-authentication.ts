import type { Construct } from 'constructs';
import { kinds } from '../kinds/index.ts';
import { installationOf } from '../mesh/installation.ts';
import { checkProps } from '../props/check-props.ts';
import { listOf, needed, type Shape } from '../props/form.ts';
import {
  callerForm,
  type MeshCaller,
  type MeshPeerIdentities,
  meshTlsSpec,
  namesSomebody,
  peerOf,
} from './mesh-peer.ts';
import { PolicyObject, type PolicyObjectProps, policyShape } from './policy-object.ts';

export interface MeshTlsAuthenticationProps extends PolicyObjectProps {
  /** Who is meant: workloads, ServiceAccounts, identities as text. At least one. */
  readonly clients: MeshCaller[];
}

const shape: Shape<MeshTlsAuthenticationProps> = {
  ...policyShape,
  clients: needed(listOf(callerForm)),
};

/** Clients by the identities that their certificates prove. */
export class MeshTlsAuthentication extends PolicyObject {
  private readonly peers: MeshPeerIdentities[];

  constructor(scope: Construct, id: string, props: MeshTlsAuthenticationProps) {
    checkProps(shape, props, { scope, id });
    const peers = read(props.clients);
    if (peers.length === 0) throw new Error("'clients' () must name somebody, or nobody would be let in");
    super(scope, id, kinds.MeshTLSAuthentication, props, () => meshTlsSpec(peers, installationOf(scope)));
    this.peers = peers;
  }

  /** Means further clients, too. */
  addClients(...clients: MeshCaller[]): this {
    this.peers.push(...read(clients));
    return this;
  }
}

function read(clients: readonly MeshCaller[]): MeshPeerIdentities[] {
  checkProps({ clients: needed(listOf(callerForm)) }, { clients });
  const peers = clients.map((client) => peerOf(client, "'clients'"));
  if (!peers.every(namesSomebody)) throw new Error("'clients' names a peer that is nobody");
  return peers;
}
