import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MeshObject } from './mesh-objects.ts';

/** What an API server was asked by service accounts, from its audit log. */
export interface Access {
  /** `tulle/tulle-identity` */
  readonly account: string;
  readonly group: string;
  /** With its subresource: `httproutes/status`. */
  readonly resource: string;
  readonly verb: string;
  /** Undefined for the whole cluster. */
  readonly namespace: string | undefined;
  /** As far as the authorizer knew it: not that of a new object. */
  readonly name: string | undefined;
  readonly allowed: boolean;
}

/** One thing that a rule of a role allows. */
export interface Grant {
  readonly account: string;
  readonly group: string;
  readonly resource: string;
  readonly verb: string;
  /** Undefined for the whole cluster. */
  readonly namespace: string | undefined;
  /** Undefined for every name. */
  readonly name: string | undefined;
}

interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string };
  readonly objectRef?: {
    readonly resource?: string;
    readonly subresource?: string;
    readonly apiGroup?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code?: number };
  readonly annotations?: Readonly<Record<string, string>>;
}

const accountPrefix = 'system:serviceaccount:';

/** The audit log of a test's API server. `flags` are for its start; `close` deletes the log. */
export class AuditLog {
  readonly flags: readonly string[];
  private readonly folder = mkdtempSync(join(tmpdir(), 'tulle-audit-'));
  private readonly log = join(this.folder, 'audit.log');

  constructor() {
    const policy = join(this.folder, 'policy.yaml');
    const rules = [{ level: 'Metadata' }];
    writeFileSync(
      policy,
      JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', omitStages: ['RequestReceived'], rules }),
    );
    this.flags = [`--audit-policy-file=${policy}`, `--audit-log-path=${this.log}`, '--audit-log-mode=blocking'];
  }

  /** What service accounts of a namespace asked for so far. */
  accesses(namespace: string): Access[] {
    return readFileSync(this.log, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as AuditEvent)
      .filter(({ user }) => user.username.startsWith(`${accountPrefix}${namespace}:`))
      .flatMap(accessesOf);
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function accessesOf({
  verb,
  requestURI,
  user,
  objectRef = {},
  responseStatus,
  annotations = {},
}: AuditEvent): Access[] {
  const { resource = requestURI, subresource, apiGroup = '', namespace, name } = objectRef;
  const access: Access = {
    account: user.username.slice(accountPrefix.length).replace(':', '/'),
    group: apiGroup,
    resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    verb,
    namespace,
    name: verb === 'create' ? undefined : name,
    allowed: annotations['authorization.k8s.io/decision'] === 'allow',
  };
  // An apply that makes the object needs the right to create it, with its name.
  const creates = verb === 'patch' && responseStatus?.code === 201;
  return creates ? [access, { ...access, verb: 'create' }] : [access];
}

/** Everything that the roles of an install grant, one by one. */
export function grantsOf(objects: readonly MeshObject[]): Grant[] {
  const bindings = objects.filter(({ kind }) => kind.endsWith('RoleBinding')) as unknown as Binding[];
  return bindings.flatMap(({ metadata, roleRef, subjects }) => {
    const role = objects.find(
      ({ kind, metadata: { name, namespace } }) =>
        kind === roleRef.kind && name === roleRef.name && namespace === metadata.namespace,
    ) as unknown as { readonly rules: readonly Rule[] } | undefined;
    if (role === undefined)
      throw new Error(`the install binds ${roleRef.kind} ${roleRef.name}, which it does not have`);
    return subjects.flatMap((subject) => role.rules.flatMap((rule) => grants(rule, subject, metadata.namespace)));
  });
}

interface Binding {
  readonly metadata: { readonly namespace?: string };
  readonly roleRef: { readonly kind: string; readonly name: string };
  readonly subjects: readonly { readonly name: string; readonly namespace: string }[];
}

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

function grants(rule: Rule, subject: Binding['subjects'][number], namespace: string | undefined): Grant[] {
  const account = `${subject.namespace}/${subject.name}`;
  const names = rule.resourceNames ?? [undefined];
  return rule.apiGroups.flatMap((group) =>
    rule.resources.flatMap((resource) =>
      rule.verbs.flatMap((verb) => names.map((name) => ({ account, group, resource, verb, namespace, name }))),
    ),
  );
}

export const isUseOf = (access: Access, grant: Grant): boolean =>
  access.account === grant.account &&
  access.group === grant.group &&
  access.resource === grant.resource &&
  access.verb === grant.verb &&
  (grant.namespace === undefined || access.namespace === grant.namespace) &&
  (grant.name === undefined || access.name === grant.name);

/** `tulle/tulle-identity may update secrets tulle-identity-issuer in tulle` */
export function grantText({ account, group, resource, verb, namespace, name }: Grant): string {
  const what = `${resource}${group === '' ? '' : `.${group}`}${name === undefined ? '' : ` ${name}`}`;
  return `${account} may ${verb} ${what}${namespace === undefined ? '' : ` in ${namespace}`}`;
}
