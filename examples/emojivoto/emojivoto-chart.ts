import type { DescService } from '@bufbuild/protobuf';
import { ApiObject, Chart, JsonPatch, Size } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { type Injection, MeshedDeployment } from '../../lib/index.ts';
import { EmojiService } from './gen/emojivoto/v1/emoji_pb.js';
import { VotingService } from './gen/emojivoto/v1/voting_pb.js';

export interface EmojivotoProps {
  /**
   * How the workloads get their sidecars.
   *
   * @default Injection.webhook()
   */
  readonly injection?: Injection;
}

const image = 'tulle-emojivoto:0.1.0';
const port = 8080;

/**
 * Four services after the well-known demo:
 *
 *     vote-bot --HTTP--> web --gRPC--> emoji
 *                            --gRPC--> voting
 */
export class Emojivoto extends Chart {
  constructor(scope: Construct, id: string, props: EmojivotoProps = {}) {
    super(scope, id, { namespace: 'emojivoto' });
    const namespace = new kplus.Namespace(this, 'namespace', { metadata: { name: 'emojivoto' } });
    // cdk8s writes the chart's namespace on every object; a Namespace is in none.
    ApiObject.of(namespace).addJsonPatch(JsonPatch.remove('/metadata/namespace'));

    this.service('emoji', port, props);
    this.service('voting', port, props);
    this.routes('emoji-svc', EmojiService);
    this.routes('voting-svc', VotingService);
    this.service('web', 80, props, {
      EMOJI_SVC: kplus.EnvValue.fromValue('emoji-svc.emojivoto:8080'),
      VOTING_SVC: kplus.EnvValue.fromValue('voting-svc.emojivoto:8080'),
    });
    this.deployment('vote-bot', props, {
      envVariables: {
        WEB_SVC: kplus.EnvValue.fromValue('web-svc.emojivoto:80'),
        VOTES_PER_SECOND: kplus.EnvValue.fromValue('5'),
      },
    });
  }

  private service(
    name: string,
    servicePort: number,
    props: EmojivotoProps,
    env: Record<string, kplus.EnvValue> = {},
  ): void {
    const deployment = this.deployment(name, props, {
      portNumber: port,
      envVariables: {
        POD_IP: kplus.EnvValue.fromFieldRef(kplus.EnvFieldPaths.POD_IP),
        DRAIN_MS: kplus.EnvValue.fromValue('2000'),
        ...env,
      },
      ...(name === 'web' ? { readiness: kplus.Probe.fromHttpGet('/health', { port }) } : {}),
    });
    deployment.exposeViaService({ name: `${name}-svc`, ports: [{ port: servicePort, targetPort: port }] });
  }

  /** Each method of a gRPC service is a route, which metrics tell apart. */
  private routes(service: string, { typeName, methods }: DescService): void {
    new ApiObject(this, `${service}-profile`, {
      apiVersion: 'linkerd.io/v1alpha2',
      kind: 'ServiceProfile',
      metadata: { name: `${service}.${this.namespace}.svc.cluster.local` },
      spec: {
        routes: methods.map(({ name }) => ({
          name,
          condition: { method: 'POST', pathRegex: `/${typeName.replaceAll('.', '\\.')}/${name}` },
        })),
      },
    });
  }

  private deployment(
    name: string,
    { injection }: EmojivotoProps,
    container: Partial<kplus.ContainerProps>,
  ): MeshedDeployment {
    return new MeshedDeployment(this, name, {
      metadata: { name },
      replicas: 1,
      serviceAccount: new kplus.ServiceAccount(this, `${name}-account`, { metadata: { name } }),
      mesh: { injection },
      containers: [
        {
          name,
          image,
          imagePullPolicy: kplus.ImagePullPolicy.IF_NOT_PRESENT, // `npm run images` makes it; no registry has it
          command: ['node', `examples/emojivoto/services/${name}.ts`],
          resources: {
            cpu: { request: kplus.Cpu.millis(50) },
            memory: { request: Size.mebibytes(64), limit: Size.mebibytes(256) },
          },
          ...container,
        },
      ],
    });
  }
}
