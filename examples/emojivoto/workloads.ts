import { Chart, Size } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { type Injection, MeshedDeployment } from '../../lib/index.ts';

export interface EmojivotoProps {
  /**
   * How the workloads get their sidecars.
   *
   * @default Injection.webhook()
   */
  readonly injection?: Injection;
}

export interface WorkloadProps {
  /** Which of the `services/` it runs. Default: that of its name. */
  readonly program?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Labels of its pods, beside those that its Service selects. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Who may tap with bodies may see those of its requests. */
  readonly tapBodies?: boolean;
}

export type ServiceProps = WorkloadProps & {
  /** Where its Service, `<name>-svc`, listens. */
  readonly port: number;
};

const image = 'tulle-emojivoto:0.1.0';
const port = 8080;

/** A chart of workloads that run emojivoto's services. */
export class Workloads extends Chart {
  private readonly injection: Injection | undefined;

  constructor(scope: Construct, id: string, { injection }: EmojivotoProps = {}) {
    super(scope, id, { namespace: 'emojivoto' });
    this.injection = injection;
  }

  /** A deployment that is called, and its Service. */
  protected service(name: string, { port: servicePort, program = name, env, ...more }: ServiceProps): void {
    const deployment = this.deployment(name, program, more, {
      portNumber: port,
      envVariables: {
        POD_IP: kplus.EnvValue.fromFieldRef(kplus.EnvFieldPaths.POD_IP),
        DRAIN_MS: kplus.EnvValue.fromValue('2000'),
        ...values(env),
      },
      ...(program === 'web' ? { readiness: kplus.Probe.fromHttpGet('/health', { port }) } : {}),
    });
    deployment.exposeViaService({ name: `${name}-svc`, ports: [{ port: servicePort, targetPort: port }] });
  }

  /** A deployment that only calls. */
  protected client(name: string, { program = name, env, ...more }: WorkloadProps = {}): void {
    this.deployment(name, program, more, { envVariables: values(env) });
  }

  private deployment(
    name: string,
    program: string,
    { labels, tapBodies }: Pick<WorkloadProps, 'labels' | 'tapBodies'>,
    container: Partial<kplus.ContainerProps>,
  ): MeshedDeployment {
    return new MeshedDeployment(this, name, {
      metadata: { name },
      ...(labels === undefined ? {} : { podMetadata: { labels } }),
      replicas: 1,
      serviceAccount: new kplus.ServiceAccount(this, `${name}-account`, { metadata: { name } }),
      mesh: { injection: this.injection, ...(tapBodies === undefined ? {} : { proxy: { tapBodies } }) },
      containers: [
        {
          name,
          image,
          imagePullPolicy: kplus.ImagePullPolicy.IF_NOT_PRESENT, // `npm run images` makes it; no registry has it
          command: ['node', `examples/emojivoto/services/${program}.ts`],
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

const values = (env: WorkloadProps['env'] = {}): Record<string, kplus.EnvValue> =>
  Object.fromEntries(Object.entries(env).map(([name, value]) => [name, kplus.EnvValue.fromValue(value)]));
