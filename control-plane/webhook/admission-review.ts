import { isRecord } from '../../lib/inject/kubernetes.ts';

/** What the API server asks about one object (admission.k8s.io/v1 AdmissionRequest; v1beta1 is the same). */
export interface AdmissionRequest {
  readonly uid: string;
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  /** Of the object. Empty for objects of the whole cluster. */
  readonly namespace: string;
  /** Empty when the API server is still to make one from `generateName`. */
  readonly name: string;
  readonly operation: string;
  /** The object as it is to be stored; undefined for a DELETE. */
  readonly object: Readonly<Record<string, unknown>> | undefined;
  /** Nothing will be stored, so nothing may be written elsewhere either. */
  readonly dryRun: boolean;
}

export interface AdmissionResponse {
  readonly allowed: boolean;
  /** Why it is not allowed. */
  readonly message?: string;
  /** A JSON patch (RFC 6902); none when it is empty. */
  readonly patch?: readonly unknown[];
  /** Shown to whoever sent the object. */
  readonly warnings?: readonly string[];
}

/** A review that is none; the message says what it lacks. */
export class ReviewError extends Error {}

export interface AdmissionReview {
  readonly apiVersion: string;
  readonly request: AdmissionRequest;
}

const versions = ['admission.k8s.io/v1', 'admission.k8s.io/v1beta1'];

/** The API server cuts warnings off beyond these (apiserver: pkg/warning). */
const maxWarningLength = 256;
const maxWarnings = 15;

/** Reads the body of a call. Throws a ReviewError. */
export function parseReview(body: string): AdmissionReview {
  let review: unknown;
  try {
    review = JSON.parse(body);
  } catch (error) {
    throw new ReviewError(`the body must be JSON: ${(error as Error).message}`);
  }
  if (!isRecord(review) || review['kind'] !== 'AdmissionReview') {
    throw new ReviewError('the body must be an object of kind AdmissionReview');
  }
  const { apiVersion, request } = review;
  if (typeof apiVersion !== 'string' || !versions.includes(apiVersion)) {
    throw new ReviewError(`apiVersion (${String(apiVersion)}) must be one of ${versions.join(', ')}`);
  }
  if (!isRecord(request)) throw new ReviewError('request must be an object');
  const { uid, kind, namespace, name, operation, object, dryRun } = request;
  if (typeof uid !== 'string' || uid === '') throw new ReviewError('request.uid must be a text');
  if (!isRecord(kind)) throw new ReviewError('request.kind must name group, version and kind');
  if (object !== undefined && object !== null && !isRecord(object)) {
    throw new ReviewError('request.object must be an object');
  }
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  return {
    apiVersion,
    request: {
      uid,
      kind: { group: text(kind['group']), version: text(kind['version']), kind: text(kind['kind']) },
      namespace: text(namespace),
      name: text(name),
      operation: text(operation),
      object: object ?? undefined,
      dryRun: dryRun === true,
    },
  };
}

/** The answer as JSON, in the version that was asked in. */
export function formatReview({ apiVersion, request }: AdmissionReview, response: AdmissionResponse): string {
  const { allowed, message, patch = [], warnings = [] } = response;
  return JSON.stringify({
    apiVersion,
    kind: 'AdmissionReview',
    response: {
      uid: request.uid,
      allowed,
      ...(allowed ? {} : { status: { status: 'Failure', reason: 'Invalid', code: 422, message } }),
      ...(patch.length > 0
        ? { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') }
        : {}),
      ...(warnings.length > 0 ? { warnings: warnings.slice(0, maxWarnings).map(shortened) } : {}),
    },
  });
}

const shortened = (text: string): string =>
  text.length > maxWarningLength ? `${text.slice(0, maxWarningLength - 1)}…` : text;
