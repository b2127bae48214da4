import type { Log, LogFields } from '../telemetry/log.ts';
import { formatHostPort } from '../wire/ip-network.ts';
import type { BalancedEndpoint } from './balanced-endpoint.ts';

/** What the log is told of the endpoints of one target: what keeps each from being used, once, and once that it is over. */
export class EndpointLog {
  private readonly log: Log;
  private readonly target: string;

  constructor(log: Log, target: string) {
    this.log = log;
    this.target = target;
  }

  reachable(endpoint: BalancedEndpoint, reachable: boolean): void {
    if (endpoint.toldUnreachable === !reachable) return;
    endpoint.toldUnreachable = !reachable;
    const { reason, detail } = endpoint.failure ?? {};
    const fields = { ...this.fieldsOf(endpoint), reason, cause: detail };
    if (reachable) this.log.info('endpoint is reachable again', fields);
    else this.log.warn('endpoint cannot be reached', fields);
  }

  ejected(endpoint: BalancedEndpoint): void {
    const { reason, lastAnswer } = endpoint.ejection ?? {};
    this.log.warn('endpoint ejected', { ...this.fieldsOf(endpoint), reason, lastAnswer });
  }

  recovered(endpoint: BalancedEndpoint): void {
    this.log.info('endpoint has recovered', this.fieldsOf(endpoint));
  }

  private fieldsOf({ endpoint }: BalancedEndpoint): LogFields {
    const { address, port } = endpoint.info;
    return { target: this.target, address: formatHostPort(address, port) };
  }
}
