import { type Form, form, hasMethod, isObject, isPlain, mapOf, text } from './form.ts';

/** Of any library and version: what the tree of an app is made of. */
export const constructForm = form(
  'a construct',
  (value) => isObject(value) && isObject((value as { readonly node?: unknown }).node),
);

/** Of Kubernetes, which bounds the whole of it alone. */
const dnsSubdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** The name of an object. */
const objectName = form(
  'the name of an object: lower-case letters, digits, - and ., at most 253',
  (value) => typeof value === 'string' && value.length <= 253 && dnsSubdomain.test(value),
);

export const namespaceName = form(
  'a DNS label: lower-case letters, digits and -, at most 63',
  (value) => typeof value === 'string' && /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(value),
);

/** A domain of DNS, without the dot at its end. */
export const domainForm = form(
  'a DNS name such as cluster.local, without a dot at its end',
  (value) =>
    typeof value === 'string' &&
    value.length <= 253 &&
    dnsSubdomain.test(value) &&
    value.split('.').every((label) => label.length <= 63),
);

/** The same, or what makes it when the object is rendered (`Lazy` of cdk8s). */
const lazily = ({ expected, misfit }: Form): Form =>
  form(expected, (value) => hasMethod(value, 'produce') || misfit('', value) === undefined);

/** Labels or annotations of an object. */
export const textsForm = mapOf(lazily(text));

const known: Readonly<Record<string, Form>> = {
  name: lazily(objectName),
  namespace: lazily(namespaceName),
  labels: textsForm,
  annotations: textsForm,
};

/** Metadata of an object: the fields that the mesh goes by; the rest is the API server's to judge. */
export const metadataForm: Form = {
  expected: () => "the metadata of an object, such as { name: 'orders' }",
  misfit: (name, value) => {
    if (!isPlain(value)) return { name, value, rule: `must be ${metadataForm.expected()}` };
    for (const [field, form] of Object.entries(known)) {
      const given = (value as Readonly<Record<string, unknown>>)[field];
      const found = given === undefined ? undefined : form.misfit(`${name}.${field}`, given);
      if (found !== undefined) return found;
    }
    return undefined;
  },
};
