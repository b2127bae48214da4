/** What the pods of a namespace may do, as Kubernetes' PodSecurity admission holds them to it. */
export class PodSecurity {
  /** Nothing but what applications need. Intercepting sidecars are refused: it goes with `Injection.explicit()`. */
  static restricted(): PodSecurity {
    return new PodSecurity('restricted');
  }

  /** No known way to more privileges. Intercepting sidecars are refused here too. */
  static baseline(): PodSecurity {
    return new PodSecurity('baseline');
  }

  /** Everything. */
  static privileged(): PodSecurity {
    return new PodSecurity('privileged');
  }

  /** Value of the label `pod-security.kubernetes.io/enforce`. */
  readonly name: string;

  private constructor(name: 'restricted' | 'baseline' | 'privileged') {
    this.name = name;
  }

  /** @internal */
  get _labels(): Record<string, string> {
    const modes = ['enforce', 'audit', 'warn'];
    return Object.fromEntries(modes.map((mode) => [`pod-security.kubernetes.io/${mode}`, this.name]));
  }
}
