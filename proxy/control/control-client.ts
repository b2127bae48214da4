import { connectivityState, credentials } from '@grpc/grpc-js';
import { GrpcClient } from '../../api/grpc.ts';
import type { ControlAddress } from '../config.ts';
import { formatHostPort } from '../wire/ip-network.ts';

/** PEM material for the connection to a component; without a key it is TLS without a client certificate. */
export interface ControlTls {
  readonly trustAnchors: string;
  readonly key: string | undefined;
  readonly certificateChain: string | undefined;
}

/**
 * The connection to one component of the control plane. A renewed certificate is used by a new connection; calls under
 * way stay on the old one, which closes when they have ended.
 */
export class ControlClient {
  private readonly address: ControlAddress;
  private readonly material: () => ControlTls;
  private current: { client: GrpcClient; key: string | undefined; chain: string | undefined } | undefined = undefined;

  /** `material` is asked for whenever a connection is made. */
  constructor(address: ControlAddress, material: () => ControlTls) {
    this.address = address;
    this.material = material;
  }

  client(): GrpcClient {
    const tls = this.material();
    const { current } = this;
    if (current !== undefined && current.key === tls.key && current.chain === tls.certificateChain)
      return current.client;
    current?.client.close();
    const client = this.connect(tls);
    this.current = { client, key: tls.key, chain: tls.certificateChain };
    return client;
  }

  get connected(): boolean {
    return this.current?.client.getChannel().getConnectivityState(false) === connectivityState.READY;
  }

  close(): void {
    this.current?.client.close();
    this.current = undefined;
  }

  private connect(tls: ControlTls): GrpcClient {
    const { serverName } = this.address;
    const target = formatHostPort(this.address.host, this.address.port);
    const options = {
      // A frozen server is noticed within 13 s.
      'grpc.keepalive_time_ms': 10_000,
      'grpc.keepalive_timeout_ms': 3000,
      'grpc.keepalive_permit_without_calls': 1,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 5000,
      'grpc.max_receive_message_length': 32 * 1024 * 1024,
      // The application's http_proxy and grpc_proxy lead here: the proxy must not follow them.
      'grpc.enable_http_proxy': 0,
      // Each component's connection is its own: a shared one would keep an old certificate.
      'grpc.use_local_subchannel_pool': 1,
    };
    if (serverName === undefined) return new GrpcClient(target, credentials.createInsecure(), options);
    const secure = credentials.createSsl(
      Buffer.from(tls.trustAnchors),
      tls.key === undefined ? null : Buffer.from(tls.key),
      tls.certificateChain === undefined ? null : Buffer.from(tls.certificateChain),
    );
    return new GrpcClient(target, secure, {
      ...options,
      'grpc.ssl_target_name_override': serverName,
      'grpc.default_authority': serverName,
    });
  }
}
