/** What metrics call a server, route or authorization. */
export interface PolicyLabels {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
}

/** The same with where it stands, as metrics of routes tell it. */
export interface ResourceLabels extends PolicyLabels {
  /** Empty for something that is no object. */
  readonly namespace: string;
  /** 0 where it is not of one port. */
  readonly port: number;
  /** Of a part of it, by name; empty for all of it. */
  readonly section: string;
}

/** As logs tell it: `default/audit`, `policy.linkerd.io/server/web`. */
export function objectName({ group, kind, name }: PolicyLabels): string {
  return group === '' ? `${kind}/${name}` : `${group}/${kind}/${name}`;
}
