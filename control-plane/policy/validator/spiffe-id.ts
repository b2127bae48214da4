/** SPIFFE-ID, section 2: trust domain and path segments of plain characters, no empty or dot segment. */
export function isSpiffeId(text: string): boolean {
  const match = /^spiffe:\/\/([a-z0-9._-]{1,255})((?:\/[a-zA-Z0-9._-]+)*)$/.exec(text);
  return match !== null && text.length <= 2048 && !match[2].split('/').some((part) => part === '.' || part === '..');
}
