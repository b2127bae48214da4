import { Chart } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { identityName } from '../contract/names.ts';
import { checkProps } from '../props/check-props.ts';
import { form, hasMethod, isObject, needed, text } from '../props/form.ts';
import { constructForm } from '../props/object-forms.ts';

/** A ServiceAccount of a namespace. */
export interface ServiceAccountReference {
  /** Of the account. */
  readonly name: string;
  /** In which it is. */
  readonly namespace: string;
}

/** Clients by what their certificates prove; one that fits any of these is meant. */
export interface MeshPeerIdentities {
  /**
   * Names, of which the first label may be `*`, and SPIFFE ids.
   *
   * @default - none
   */
  readonly identities?: string[];

  /**
   * Accounts that clients run as.
   *
   * @default - none
   */
  readonly serviceAccounts?: ServiceAccountReference[];

  /**
   * Namespaces, all of whose meshed workloads are meant.
   *
   * @default - none
   */
  readonly namespaces?: string[];
}

/** Whoever calls through the mesh. */
export interface IMeshPeer {
  /** The identities that it may have. */
  toMeshPeer(): MeshPeerIdentities;
}

/** A meshed workload, such as a MeshedDeployment. */
export interface IMeshed {
  /** What the mesh knows of the workload. */
  readonly mesh: IMeshPeer;
}

/** A ServiceAccount of any version of cdk8s-plus, also one that is only named there. */
export interface IServiceAccountSubject extends IConstruct {
  /** The account, as a RoleBinding has it. */
  toSubjectConfiguration(): ServiceAccountSubject;
}

/** The subject of a RoleBinding. */
export interface ServiceAccountSubject {
  /** `ServiceAccount`; any other is refused. */
  readonly kind: string;
  /** Of the account. */
  readonly name: string;
  /**
   * In which it is.
   *
   * @default - the namespace of its chart
   */
  readonly namespace?: string;
}

/** Who may call: a meshed workload, a ServiceAccount, an identity as text, or a `MeshPeer`. */
export type MeshCaller = IMeshPeer | IMeshed | IServiceAccountSubject | string;

/** Clients that are no construct of the app. */
export class MeshPeer implements IMeshPeer {
  /** A name that certificates prove, `*.` and the end of one, or a SPIFFE id. */
  static identity(identity: string): MeshPeer {
    checkProps({ identity: needed(text) }, { identity });
    return new MeshPeer({ identities: [checkedIdentity(identity)] });
  }

  /** Who runs as a ServiceAccount. Throws for `default`, which every workload runs as that names none. */
  static serviceAccount(name: string, namespace: string): MeshPeer {
    checkProps({ name: needed(text), namespace: needed(text) }, { name, namespace });
    return new MeshPeer({ serviceAccounts: [checkedAccount({ name, namespace }, 'name')] });
  }

  /** Every meshed workload of a namespace. */
  static namespace(name: string): MeshPeer {
    checkProps({ name: needed(text) }, { name });
    if (!isLabel(name)) throw new Error(`'name' (${name}) must be the name of a namespace`);
    return new MeshPeer({ namespaces: [name] });
  }

  /** Every client with an identity of the mesh. */
  static anyone(): MeshPeer {
    return new MeshPeer({ identities: ['*'] });
  }

  private readonly clients: MeshPeerIdentities;

  private constructor(clients: MeshPeerIdentities) {
    this.clients = clients;
  }

  /** The identities that it may have. */
  toMeshPeer(): MeshPeerIdentities {
    return this.clients;
  }
}

/** A prop that says who may call. Of a construct that is nobody it is told what to make of it. */
export const callerForm = form(
  'a meshed workload, a ServiceAccount, an identity, or a MeshPeer',
  (value) =>
    typeof value === 'string' ||
    hasMethod(value, 'toMeshPeer') ||
    hasMethod(value, 'toSubjectConfiguration') ||
    (isObject(value) && hasMethod((value as { readonly mesh?: unknown }).mesh, 'toMeshPeer')) ||
    constructForm.misfit('', value) === undefined,
);

/** Reads who is meant. Throws where nobody is, or nobody in particular; `where` says in whose words. */
export function peerOf(caller: MeshCaller, where: string): MeshPeerIdentities {
  if (typeof caller === 'string') return { identities: [checkedIdentity(caller, where)] };
  if ('toMeshPeer' in caller) return caller.toMeshPeer();
  if ('mesh' in caller) return caller.mesh.toMeshPeer();
  if ('toSubjectConfiguration' in caller) {
    const { kind, name, namespace } = subjectOf(caller, where);
    if (kind !== 'ServiceAccount') {
      throw new Error(`${where} (${kind} ${name}) must be a workload, a ServiceAccount or an identity`);
    }
    const of = namespace ?? Chart.of(caller).namespace ?? 'default';
    return { serviceAccounts: [checkedAccount({ name, namespace: of }, where)] };
  }
  return provesNothing(caller, where);
}

/** Workloads of cdk8s-plus throw where they were given no account. */
function subjectOf(caller: IServiceAccountSubject, where: string): ServiceAccountSubject {
  try {
    return caller.toSubjectConfiguration();
  } catch {
    return provesNothing(caller, where);
  }
}

function provesNothing(caller: IConstruct, where: string): never {
  const path = (caller as Partial<IConstruct>).node?.path ?? String(caller);
  throw new Error(
    `${where} (${path}) proves no identity of its own: make it a MeshedDeployment or meshed(...), give it a ServiceAccount, or name the one that it runs as by MeshPeer.serviceAccount(name, namespace)`,
  );
}

/**
 * The specification of a MeshTLSAuthentication of some peers: by reference where each is an account or a namespace, so that
 * it does not depend on the mesh's name and domain; where one is a name, all are, for the kind takes either.
 */
export function meshTlsSpec(
  peers: readonly MeshPeerIdentities[],
  mesh: { readonly meshNamespace: string; readonly trustDomain: string },
): Record<string, unknown> {
  const accounts = peers.flatMap(({ serviceAccounts = [] }) => serviceAccounts);
  const namespaces = peers.flatMap(({ namespaces = [] }) => namespaces);
  const identities = peers.flatMap(({ identities = [] }) => identities);
  if (identities.length === 0) {
    const refs = [
      ...accounts.map(({ name, namespace }) => ({ kind: 'ServiceAccount', name, namespace })),
      ...namespaces.map((name) => ({ kind: 'Namespace', name })),
    ];
    return { identityRefs: [...new Map(refs.map((ref) => [JSON.stringify(ref), ref])).values()] };
  }
  const names = [
    ...identities,
    ...accounts.map(({ name, namespace }) => identityName(name, namespace, mesh)),
    ...namespaces.map((namespace) => identityName('*', namespace, mesh)),
  ];
  return { identities: [...new Set(names)] };
}

/** Whether somebody is meant at all. */
export const namesSomebody = ({
  identities = [],
  serviceAccounts = [],
  namespaces = [],
}: MeshPeerIdentities): boolean => identities.length + serviceAccounts.length + namespaces.length > 0;

const isLabel = (text: string): boolean => /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text);

function checkedIdentity(identity: string, where = "'identity'"): string {
  const [first, ...others] = identity.split('.');
  const isName = identity.length <= 253 && (first === '*' || isLabel(first)) && others.every(isLabel);
  // A name without a dot is that of a workload or an account: no certificate says it.
  if ((isName && (identity === '*' || identity.includes('.'))) || /^spiffe:\/\/[^/\s]+\/\S+$/.test(identity)) {
    return identity;
  }
  throw new Error(
    `${where} (${identity}) must be a name such as web.shop.serviceaccount.identity.tulle.cluster.local, '*.' and the end of one, or a SPIFFE id`,
  );
}

function checkedAccount(account: ServiceAccountReference, where: string): ServiceAccountReference {
  const { name, namespace } = account;
  if (name === 'default') {
    throw new Error(
      `${where} (default of ${namespace}) cannot be told apart: every workload that names no account runs as it. ` +
        'Give the one that is meant a ServiceAccount of its own',
    );
  }
  return account;
}
