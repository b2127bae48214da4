/** Who is asked whether a request may come in, and what becomes of the answer. Frozen, made when policy changes. */
export interface CheckPolicy {
  /** The object that says so. */
  readonly labels: { readonly group: string; readonly kind: string; readonly name: string };
  /** What the authorizer is called: a Service by its full name, with its port. */
  readonly authority: string;
  /** How long an answer is waited for. */
  readonly timeoutMs: number;
  /** A request is let in when the authorizer cannot be asked, or gives no answer that can be read. */
  readonly failOpen: boolean;
  /** Headers that the authorizer is told, in lower case; undefined for all. */
  readonly sentHeaders: ReadonlySet<string> | undefined;
  /** Headers that it may set, in lower case. */
  readonly headersToBackend: ReadonlySet<string>;
  readonly contextExtensions: Readonly<Record<string, string>>;
  /** Why nobody can be asked; undefined when somebody can. */
  readonly unusable: string | undefined;
}

/** What became of a request at an authorizer, as metrics say it. */
export type CheckDecision = 'allowed' | 'denied' | 'failed_open' | 'failed_closed';
