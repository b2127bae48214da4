import { installedConfig } from '../inject/installed-config.ts';
import { isRecord, type Manifest } from '../inject/kubernetes.ts';
import type { Finding, Severity } from './finding.ts';
import { type Entry, nameOf } from './manifest-model.ts';
import { modelOfManifests } from './model-of-manifests.ts';
import { review } from './review.ts';

/** `properties` of the validation in cdk8s.yaml. */
export interface MeshValidationProps {
  /**
   * What fails the synth: `error`, or `warning` for both.
   *
   * @default error
   */
  readonly failOn?: Severity;
}

/** A resource that breaks a rule, as cdk8s-cli takes it. */
export interface MeshValidationResource {
  /** Bare name of the object, by which cdk8s-cli finds its construct. */
  readonly resourceName: string;
  /** Paths of the fields within it. */
  readonly locations: readonly string[];
  /** The file that it stands in. */
  readonly manifestPath: string;
}

/** What breaks a rule, as cdk8s-cli takes it. */
export interface MeshValidationViolation {
  /** Name of the rule, and how severe it is. */
  readonly ruleName: string;
  /** What is wrong. */
  readonly recommendation: string;
  /** What to do. */
  readonly fix: string;
  /** The objects that break it. */
  readonly violatingResources: readonly MeshValidationResource[];
}

/** What is used of the ValidationContext of cdk8s-cli. */
export interface MeshValidationContext {
  /** Paths of the manifests that were synthesized. */
  readonly manifests: readonly string[];
  /** Takes what is found, and whether that fails the synth. */
  readonly report: {
    addViolation(violation: MeshValidationViolation): void;
    submit(status: 'success' | 'failure', metadata?: { readonly [key: string]: string }): void;
  };
  /** The objects of a manifest. */
  parseManifest(path: string): unknown[];
}

/**
 * The rules of the mesh as a validation plugin of cdk8s-cli, for manifests from whatever charts: `cdk8s synth` runs it over
 * all of them together, and fails for what cannot work.
 *
 * ```yaml
 * validations:
 *   - package: tulle
 *     version: 0.1.0
 *     class: MeshValidation
 * ```
 */
export class MeshValidation {
  private readonly failOn: Severity;

  constructor(props: MeshValidationProps = {}) {
    const { failOn = 'error', ...others } = props;
    const [unknown] = Object.keys(others);
    if (unknown !== undefined) {
      throw new Error(`'${unknown}' is no property of MeshValidation: 'failOn' is`);
    }
    if (failOn !== 'error' && failOn !== 'warning') {
      throw new Error(`'failOn' (${failOn}) must be error or warning`);
    }
    this.failOn = failOn;
  }

  /** Reads the manifests and reports what is wrong with them. Rejects where one is no YAML. */
  async validate(context: MeshValidationContext): Promise<void> {
    const entries = context.manifests.flatMap((file) => read(context, file));
    const { config } = installedConfig(entries.map(({ manifest }) => manifest));
    const findings = review(modelOfManifests(entries, config));
    for (const finding of findings) context.report.addViolation(violation(finding));
    const count = (severity: Severity): number => findings.filter((finding) => finding.severity === severity).length;
    const [errors, warnings] = [count('error'), count('warning')];
    const isFailure = errors > 0 || (this.failOn === 'warning' && warnings > 0);
    context.report.submit(isFailure ? 'failure' : 'success', { Errors: `${errors}`, Warnings: `${warnings}` });
  }
}

interface FileEntry extends Entry {
  readonly file: string;
}

/** The objects of a file. Documents that are none are not of the mesh. */
function read(context: MeshValidationContext, file: string): FileEntry[] {
  try {
    return context
      .parseManifest(file)
      .filter(isRecord)
      .map((manifest) => ({ file, manifest: manifest as Manifest }));
  } catch (error) {
    throw new Error(`${file} cannot be read: ${(error as Error).message}`);
  }
}

/** cdk8s-cli finds the construct by the name of the resource, which is why that is bare. */
const violation = ({ rule, severity, at, field, message, fix }: Finding<FileEntry>): MeshValidationViolation => ({
  ruleName: `${rule} (${severity})`,
  recommendation: `${nameOf(at.manifest)}: ${field === '' ? '' : `${field} `}${message}`,
  fix,
  violatingResources: [
    {
      resourceName: String(at.manifest.metadata?.name ?? ''),
      locations: [field === '' ? 'metadata.name' : field],
      manifestPath: at.file,
    },
  ],
});
