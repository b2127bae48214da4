const dnsName = /^(\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?)(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** True for `*`, a DNS-like name that may begin with `*.`, or a SPIFFE ID. */
export function isIdentityName(text: string): boolean {
  return dnsName.test(text) || isSpiffeId(text);
}

/** SPIFFE-ID, section 2: trust domain and path segments of plain characters, no empty or dot segment. */
function isSpiffeId(text: string): boolean {
  const match = /^spiffe:\/\/([a-z0-9._-]{1,255})((?:\/[a-zA-Z0-9._-]+)*)$/.exec(text);
  return match !== null && text.length <= 2048 && !match[2].split('/').some((part) => part === '.' || part === '..');
}
