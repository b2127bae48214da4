import { quantityValue } from '../inject/quantity.ts';
import type {
  ComponentAutoscaling,
  ComponentOptions,
  ComponentToleration,
  MeshComponents,
} from './component-options.ts';

export type ComponentName = keyof MeshComponents;

/** What was given of one component, as data. */
export interface GivenComponent extends Omit<ComponentOptions, 'memoryRequest' | 'memoryLimit' | 'logLevel'> {
  readonly logLevel?: string;
  readonly memoryRequest?: string;
  readonly memoryLimit?: string;
}

export type GivenComponents = Readonly<Partial<Record<ComponentName, GivenComponent>>>;

/** What a component's Deployment is made from. */
export interface ComponentSettings {
  readonly replicas: number;
  readonly autoscaling: (ComponentAutoscaling & { readonly memoryPercent: number }) | undefined;
  readonly cpuRequest: string;
  readonly cpuLimit: string | undefined;
  readonly memoryRequest: string;
  readonly memoryLimit: string;
  readonly tolerations: readonly ComponentToleration[];
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly priorityClassName: string | undefined;
  readonly imagePullSecrets: readonly string[];
  readonly runtimeClassName: string | undefined;
  /** Undefined for the component's own default. */
  readonly logLevel: string | undefined;
}

/** Destination holds the cluster's pods, Services and routes, and a stream for each thing that a proxy follows. */
const memoryLimits: Readonly<Record<ComponentName, string>> = {
  destination: '1Gi',
  identity: '512Mi',
  proxyInjector: '512Mi',
  tap: '512Mi',
};
const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

export function givenComponents(components: MeshComponents): GivenComponents {
  const given = Object.entries(components).filter(([, options]) => options !== undefined);
  return Object.fromEntries(
    given.map(([name, { memoryRequest, memoryLimit, logLevel, ...options }]: [string, ComponentOptions]) => {
      const sizes = { memoryRequest: memoryRequest?.asString(), memoryLimit: memoryLimit?.asString() };
      const data = { ...options, ...sizes, logLevel: logLevel?.name };
      return [name, Object.fromEntries(Object.entries(data).filter(([, value]) => value !== undefined))];
    }),
  );
}

/** Of all components. Throws for the first value that cannot be meant, naming it and the fix. */
export function componentSettings(
  given: GivenComponents,
  install: Pick<
    ComponentSettings,
    'tolerations' | 'priorityClassName' | 'imagePullSecrets' | 'runtimeClassName' | 'logLevel'
  > & { readonly highAvailability: boolean },
): Readonly<Record<ComponentName, ComponentSettings>> {
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(memoryLimits, name));
  if (unknown !== undefined) {
    throw new Error(`'components.${unknown}' must be one of ${Object.keys(memoryLimits).join(', ')}`);
  }
  const settings = (name: ComponentName): ComponentSettings => {
    const one = given[name] ?? {};
    const found: ComponentSettings = {
      replicas: one.replicas ?? (install.highAvailability ? 3 : 1),
      autoscaling: one.autoscaling && { ...one.autoscaling, memoryPercent: one.autoscaling.memoryPercent ?? 70 },
      cpuRequest: `${one.cpuRequestMillis ?? (install.highAvailability ? 100 : 10)}m`,
      cpuLimit: one.cpuLimitMillis === undefined ? undefined : `${one.cpuLimitMillis}m`,
      memoryRequest: one.memoryRequest ?? '96Mi',
      memoryLimit: one.memoryLimit ?? memoryLimits[name],
      tolerations: one.tolerations ?? install.tolerations,
      nodeSelector: one.nodeSelector ?? {},
      priorityClassName: one.priorityClassName || install.priorityClassName,
      imagePullSecrets: one.imagePullSecrets ?? install.imagePullSecrets,
      runtimeClassName: one.runtimeClassName || install.runtimeClassName,
      logLevel: one.logLevel ?? install.logLevel,
    };
    validate(`components.${name}`, one, found);
    return found;
  };
  failOnTolerations('tolerations', install.tolerations);
  return {
    destination: settings('destination'),
    identity: settings('identity'),
    proxyInjector: settings('proxyInjector'),
    tap: settings('tap'),
  };
}

function validate(place: string, given: GivenComponent, settings: ComponentSettings): void {
  const { replicas, autoscaling, cpuRequest, cpuLimit, memoryRequest, memoryLimit } = settings;
  const whole = (name: string, value: number | undefined): void => {
    if (value === undefined || (Number.isInteger(value) && value >= 1)) return;
    throw new Error(`'${place}.${name}' (${value}) must be a whole number of 1 or more`);
  };
  whole('replicas', replicas);
  whole('cpuRequestMillis', given.cpuRequestMillis);
  whole('cpuLimitMillis', given.cpuLimitMillis);
  notAbove(place, ['cpuRequestMillis', cpuRequest], ['cpuLimitMillis', cpuLimit]);
  notAbove(place, ['memoryRequest', memoryRequest], ['memoryLimit', memoryLimit]);
  if (autoscaling !== undefined) {
    whole('autoscaling.maxReplicas', autoscaling.maxReplicas);
    whole('autoscaling.memoryPercent', autoscaling.memoryPercent);
    whole('autoscaling.cpuPercent', autoscaling.cpuPercent);
    if (autoscaling.memoryPercent > 100) {
      throw new Error(
        `'${place}.autoscaling.memoryPercent' (${autoscaling.memoryPercent}) must be 100 or less: a pod ends at its limit`,
      );
    }
    if (autoscaling.maxReplicas < replicas) {
      throw new Error(
        `'${place}.autoscaling.maxReplicas' (${autoscaling.maxReplicas}) must not be below 'replicas' (${replicas}): ` +
          'raise it, or lower those',
      );
    }
  }
  failOnTolerations(`${place}.tolerations`, given.tolerations);
}

function failOnTolerations(place: string, tolerations: readonly ComponentToleration[] = []): void {
  for (const [index, toleration] of tolerations.entries()) {
    const fault = tolerationFault(toleration);
    if (fault !== undefined) throw new Error(`'${place}[${index}]' ${fault}`);
  }
}

function notAbove(
  place: string,
  [request, asked]: [string, string],
  [limit, most]: [string, string | undefined],
): void {
  if (most === undefined || (quantityValue(asked) ?? 0) <= (quantityValue(most) ?? 0)) return;
  throw new Error(`'${place}.${limit}' (${most}) must not be below '${request}' (${asked}): no pod could be created`);
}

/** As the API server would refuse it, which it does only once the manifest is applied. */
function tolerationFault({ key, operator = 'Equal', value, effect, tolerationSeconds }: ComponentToleration) {
  if (operator !== 'Equal' && operator !== 'Exists') return `has the operator ${operator}: it must be Equal or Exists`;
  if (!key && operator !== 'Exists') return 'has no key: every key is borne with the operator Exists';
  if (operator === 'Exists' && value) return `has a value (${value}) that Exists does not look at: leave it out`;
  if (effect !== undefined && !effects.includes(effect))
    return `has the effect ${effect}: one of ${effects.join(', ')}`;
  if (tolerationSeconds !== undefined && effect !== 'NoExecute')
    return 'has tolerationSeconds, which only the effect NoExecute has';
  return undefined;
}
