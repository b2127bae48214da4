import { randomUUID } from 'node:crypto';
import { proxyContainerName } from '../lib/contract/names.ts';
import { proxyPorts } from '../lib/contract/ports.ts';
import type { Container } from '../lib/inject/index.ts';
import type { Pod } from '../lib/kinds/pod.ts';
import { type EnvFacts, resolveEnv } from './container-env.ts';
import type { PodPlan } from './pod-plan.ts';
import { answers, isContainerReady } from './probe.ts';
import type { LocalProblem } from './problem.ts';
import { type ProcessEnd, SupervisedProcess } from './supervised-process.ts';
import { nodeIn, zoneOf } from './zones.ts';

export interface LocalPodOptions {
  readonly plan: PodPlan;
  readonly objects: Pick<EnvFacts, 'configMaps' | 'secrets'>;
  /** Set for a meshed pod. */
  readonly tokenFile: string;
  /** Program and arguments of a sidecar. */
  readonly proxyCommand: readonly string[];
  /** Where the applications are started. */
  readonly cwd: string;
  /** What every process gets beside its own variables. */
  readonly environment: Readonly<Record<string, string>>;
  readonly logFile: (container: string) => string;
  /** The application is not held back until its sidecar is ready: the control plane's own is what sidecars wait for. */
  readonly atOnce: boolean;
  readonly onEnd: (end: ProcessEnd) => void;
}

const stopGraceMs = 5000;

/** The processes of one pod: its sidecar, and each container that says which command it runs. */
export class LocalPod {
  readonly plan: PodPlan;
  /** What of the pod is not as its manifest says. */
  readonly problems: LocalProblem[] = [];
  ready = false;
  private readonly options: LocalPodOptions;
  private readonly uid = randomUUID();
  private readonly facts: EnvFacts;
  private readonly sidecarSpec: Container | undefined;
  private readonly appSpecs: Container[];
  private sidecar: SupervisedProcess | undefined = undefined;
  private apps: SupervisedProcess[] | undefined = undefined;
  private stopped = false;

  constructor(options: LocalPodOptions) {
    this.options = options;
    const { plan } = options;
    this.plan = plan;
    const { metadata, spec } = plan.template;
    this.facts = {
      ...options.objects,
      pod: {
        name: plan.name,
        namespace: plan.namespace,
        uid: this.uid,
        ip: plan.ip,
        nodeName: nodeIn(zoneOf(metadata?.labels)),
        serviceAccountName: serviceAccount(plan),
        labels: metadata?.labels ?? {},
        annotations: metadata?.annotations ?? {},
      },
    };
    const isSidecar = ({ name }: Container): boolean => name === proxyContainerName;
    this.sidecarSpec = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].find(isSidecar);
    this.appSpecs = (spec?.containers ?? []).filter((container) => !isSidecar(container) && this.canRun(container));
    for (const { name } of spec?.initContainers ?? []) {
      if (name !== proxyContainerName) this.problem(`initContainers[${name}]`, 'is not run in local mode');
    }
  }

  start(): void {
    if (this.sidecarSpec !== undefined) {
      const env = { ...this.env(this.sidecarSpec), LINKERD2_PROXY_IDENTITY_TOKEN_FILE: this.options.tokenFile };
      this.sidecar = this.run(this.sidecarSpec, [...this.options.proxyCommand], env);
    }
    if (this.sidecarSpec === undefined || this.options.atOnce) this.startApps();
  }

  /** Looks how the pod is, and starts the application once its sidecar is ready. */
  async refresh(): Promise<void> {
    const { ip } = this.plan;
    const meshReady = this.sidecarSpec === undefined || (await this.sidecarAnswers());
    if (meshReady && this.apps === undefined && !this.stopped) this.startApps();
    const appsReady = await Promise.all(this.appSpecs.map((container) => isContainerReady(container, ip)));
    this.ready = meshReady && this.apps !== undefined && appsReady.every(Boolean);
  }

  /** The processes that run now. */
  get processes(): { readonly container: string; readonly pid: number }[] {
    const named = [
      [this.sidecarSpec?.name, this.sidecar] as const,
      ...(this.apps ?? []).map((app, index) => [this.appSpecs[index].name, app] as const),
    ];
    return named.flatMap(([container, { pid } = {}]) =>
      container === undefined || pid === undefined ? [] : [{ container, pid }],
    );
  }

  /** The pod as the API server would tell of it. */
  object(): Pod {
    const { name, namespace, ip, template, owner } = this.plan;
    const condition = (type: string, holds: boolean) => ({ type, status: holds ? 'True' : 'False' });
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        namespace,
        uid: this.uid,
        labels: template.metadata?.labels,
        annotations: template.metadata?.annotations,
        ...(owner.kind === 'Pod' ? {} : { ownerReferences: [{ ...owner, controller: true }] }),
      },
      spec: {
        ...(template.spec as Pod['spec']),
        serviceAccountName: serviceAccount(this.plan),
        nodeName: this.facts.pod.nodeName,
      },
      status: {
        phase: this.apps === undefined ? 'Pending' : 'Running',
        podIP: ip,
        podIPs: [{ ip }],
        conditions: [condition('Ready', this.ready)],
      },
    };
  }

  /** The applications first, unless they began at once: what they still have to say goes through the sidecar. */
  async stop(): Promise<void> {
    this.stopped = true;
    const apps = Promise.all((this.apps ?? []).map((app) => app.stop(stopGraceMs)));
    if (!this.options.atOnce) await apps;
    await this.sidecar?.stop(stopGraceMs);
    await apps;
  }

  private startApps(): void {
    this.apps = this.appSpecs.map((container) => {
      const command = [...(container.command as string[]), ...(container.args ?? [])];
      return this.run(container, command, this.env(container));
    });
  }

  private run(container: Container, command: string[], env: Record<string, string>): SupervisedProcess {
    const { cwd, environment, logFile, onEnd } = this.options;
    return new SupervisedProcess(
      {
        name: `${this.plan.name}/${container.name}`,
        command,
        env: { ...environment, ...env },
        cwd,
        logFile: logFile(container.name),
      },
      onEnd,
    );
  }

  private env(container: Container): Record<string, string> {
    const place = { object: this.plan.object, field: `containers[${container.name}]` };
    return resolveEnv(container.env ?? [], this.facts, place, this.problems);
  }

  /** Without a command there is an image alone, and nothing here that runs images. */
  private canRun(container: Container): boolean {
    const place = `containers[${container.name}]`;
    for (const field of ['volumeMounts', 'workingDir', 'envFrom']) {
      if (container[field] !== undefined) this.problem(`${place}.${field}`, 'is not honoured in local mode');
    }
    const { command } = container;
    const runs = Array.isArray(command) && command.length > 0 && command.every((part) => typeof part === 'string');
    if (!runs) {
      this.problem(
        `${place}.command`,
        'is needed in local mode, which runs commands, not images: the container is left out',
      );
    }
    return runs;
  }

  private problem(field: string, message: string): void {
    this.problems.push({ object: this.plan.object, field, message });
  }

  private sidecarAnswers(): Promise<boolean> {
    const { path = '/ready', port = proxyPorts.admin } = this.sidecarSpec?.readinessProbe?.httpGet ?? {};
    return answers(this.plan.ip, Number(port), path);
  }
}

function serviceAccount({ template }: PodPlan): string {
  return (template.spec?.serviceAccountName as string | undefined) ?? 'default';
}
