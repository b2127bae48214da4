import type { ControlAddress, ProxyConfig } from '../config.ts';
import type { PolicyStore } from '../policy/inbound/policy-store.ts';
import type { ControlPlane } from './control-plane.ts';

/** How long a proxy beside a component that all others need waits for the first word on its ports, in ms. */
const besideMeshMs = 3000;
/**
 * The same, in ms from its own certificate on, of the port that certificates come from. In a mesh that starts, the policy
 * component cannot be reached before its proxy has got one here, and everybody else would wait for the two.
 */
const certifierMs = 250;

/** What stands beside its proxy has no name to prove (see config/address.ts). */
const isBeside = (component: { readonly address: ControlAddress | undefined } | undefined): boolean =>
  component?.address !== undefined && component.address.serverName === undefined;

const isBesideMesh = ({ identity, policy }: ProxyConfig): boolean => isBeside(identity) || isBeside(policy);

/** When a proxy asks for the policies of its ports, how long it waits for their first word, and when it is ready. */
export class Readiness {
  private readonly config: ProxyConfig;
  private readonly control: Pick<ControlPlane, 'tls'>;
  private readonly policies: PolicyStore;

  constructor(config: ProxyConfig, control: Pick<ControlPlane, 'tls'>, policies: PolicyStore) {
    this.config = config;
    this.control = control;
    this.policies = policies;
  }

  /**
   * True once the proxy can prove who it is, and knows whom the workload's ports are for.
   *
   * Where the identity or the policy component stands beside this proxy, it is ready without policy: others wait for that
   * pod to have any, so it may wait for nobody.
   */
  get ready(): boolean {
    if (this.config.identity !== undefined && this.control.tls === undefined) return false;
    return isBesideMesh(this.config) || this.policies.settled;
  }

  /** The proxy listens, and has asked for a certificate where it is to have one. */
  started(): void {
    const { identity, policy } = this.config;
    if (identity === undefined || isBeside(policy)) this.policies.start();
    if (isBesideMesh(this.config)) this.policies.takeDefaults(besideMeshMs);
    else if (identity === undefined) this.policies.takeDefaults(policy.initialTimeoutMs);
  }

  /** There is a certificate: before, the policy component could not be asked. */
  identified(): void {
    const { identity, policy } = this.config;
    this.policies.start();
    if (isBeside(identity)) this.policies.takeDefaults(certifierMs, identity?.address.port);
    this.policies.takeDefaults(policy.initialTimeoutMs);
  }
}
