import { CR, LF, SP, TAB } from '../syntax.ts';

/**
 * - `open`: its first line is not complete;
 * - `http`: some server would take it for a request, or find one in it;
 * - `other`: none would.
 */
export type OpeningVerdict = 'open' | 'http' | 'other';

/** The longest line that servers read: Go's take heads of a megabyte. Behind it nobody reads a request any more. */
const longestLine = 2 * 1024 * 1024;
/** What TLS begins with; OpenSSL takes a hello of SSL 2 as well, whose length has its highest bit set. */
const handshake = 22;
const ssl2Length = 0x80;
/** So much of a word is kept: more than the longest method and version. */
const keptBytes = 16;

/** What Python's `str.split` takes for white space, which is what most lenient servers take for it, and more. */
const whiteSpace = Uint8Array.from({ length: 256 }, (_, byte) =>
  (byte >= 0x09 && byte <= 0x0d) || (byte >= 0x1c && byte <= 0x20) || byte === 0x85 || byte === 0xa0 ? 1 : 0,
);

/** Of HTTP/0.9, that is without a version: Node takes any of its methods so, Python and old Nginx GET before anything. */
const methods = new Set(
  `ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK M-SEARCH MERGE MKACTIVITY MKCALENDAR MKCOL MOVE NOTIFY
  OPTIONS PATCH POST PROPFIND PROPPATCH PURGE PUT QUERY REBIND REPORT SEARCH SOURCE SUBSCRIBE TRACE UNBIND UNLINK UNLOCK
  UNSUBSCRIBE`.split(/\s+/),
);
/** Of these, applications look at the target. With more words a protocol of another kind has them too (Redis: `MOVE a 1`). */
const usualMethods = new Set(['DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']);
/** Node reads requests of RTSP and ICE too. */
const version = /^(http|rtsp|ice)\/\d+\.\d+$/i;
/** What many servers take for a method, known or not. */
const token = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/i;
const sip = /^sip\/\d/i;
/** What begins a target where a server asks more of it than that it is a word. NATS says `CONNECT {...}`. */
const target = /[/*a-z0-9[]/i;

/** What an application behind a balancer may take before a request: in words, or by this and a header of its own length. */
const proxyWord = 'PROXY';
const proxySignature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** Behind the signature: version and family, and the length of what follows in two bytes. */
const proxyHeaderBytes = 4;
/** In place of how much of the signature was read. */
const proxyLineSeen = -2;

/**
 * Watches the first bytes of a connection that is carried as opaque bytes, for what a lenient server would take for an
 * HTTP request. Servers are more lenient than our own parser, each in its own way: they take tabs for spaces, many spaces
 * for one, methods of any letters, requests without a version, or with any word for one (uWSGI, Twisted). None acts on a
 * request line that has no end: so bytes may go on as they come, but those that end such a line. A line of a log that
 * quotes a request is none: it has more words, or marks around it.
 *
 * It keeps no bytes but those of two words, and looks at no more than the first line that is not blank, or the one behind
 * a header of the PROXY protocol.
 */
export class Opening {
  private readonly first = new Uint8Array(keptBytes);
  private readonly last = new Uint8Array(keptBytes);
  private firstLength = 0;
  private lastLength = 0;
  private words = 0;
  /** Those that spaces and tabs alone divide, or spaces alone, which is how stricter servers read. */
  private tabbedWords = 0;
  private spacedWords = 0;
  private behindTab = true;
  private behindSpace = true;
  /** How the second of those begins that spaces and tabs divide. */
  private second = 0;
  private insideWord = false;
  private lineBytes = 0;
  /** How much of the PROXY protocol's signature has been read; -1 when it is something else. */
  private signatureBytes = 0;
  private proxyHeader: number[] = [];
  /** Of that header, what is left to read past. */
  private proxyBytes = 0;
  private readonly notTls: boolean;

  /** With `notTls` the TLS of an application is none of what may pass: nobody can tell what requests are in it. */
  constructor(notTls = false) {
    this.notTls = notTls;
  }

  read(chunk: Uint8Array): OpeningVerdict {
    let i = 0;
    while (i < chunk.length && this.signatureBytes >= 0) {
      const matched = this.signatureBytes;
      if (this.readSignature(chunk[i])) i++;
      else {
        // It began like one: those are blank lines, or a line of its own.
        const verdict = this.readLine(proxySignature.subarray(0, matched), 0);
        if (verdict !== 'open') return verdict;
      }
    }
    return this.readLine(chunk, i);
  }

  /** The client has ended: some servers take what has come for a line. */
  end(): OpeningVerdict {
    return this.words > 0 && this.isRequest() ? 'http' : 'other';
  }

  /** Takes a byte of the signature, or of the header behind it. Returns false when there is no such header here. */
  private readSignature(byte: number): boolean {
    if (this.signatureBytes < proxySignature.length) {
      if (byte !== proxySignature[this.signatureBytes]) {
        this.signatureBytes = -1;
        return false;
      }
      this.signatureBytes++;
      return true;
    }
    if (this.proxyHeader.length < proxyHeaderBytes) {
      this.proxyHeader.push(byte);
      this.proxyBytes = this.proxyHeader[2] * 256 + this.proxyHeader[3];
    } else this.proxyBytes--;
    if (this.proxyHeader.length === proxyHeaderBytes && this.proxyBytes === 0) this.signatureBytes = -1;
    return true;
  }

  private readLine(chunk: Uint8Array, start: number): OpeningVerdict {
    for (let i = start; i < chunk.length; i++) {
      const byte = chunk[i];
      if (this.notTls && this.lineBytes === 0 && (byte === handshake || byte >= ssl2Length)) return 'http';
      this.lineBytes++;
      if (whiteSpace[byte] === 0) this.take(byte);
      else {
        this.insideWord = false;
        const endsWord = byte === SP || byte === CR || byte === LF;
        this.behindSpace ||= endsWord;
        this.behindTab ||= endsWord || byte === TAB;
        // Some end a line at CR alone; for the others it goes on.
        if (this.words > 0 && (byte === LF || byte === CR)) {
          if (this.isRequest()) return 'http';
          if (byte === LF && !this.passProxyLine()) return 'other';
        }
      }
    }
    return this.lineBytes > longestLine ? 'other' : 'open';
  }

  /** Goes on with the line behind one of the PROXY protocol, of which there is one at most. */
  private passProxyLine(): boolean {
    if (this.signatureBytes === proxyLineSeen || this.firstWord() !== proxyWord) return false;
    this.signatureBytes = proxyLineSeen;
    this.firstLength = this.lastLength = this.words = this.tabbedWords = this.spacedWords = this.lineBytes = 0;
    this.behindTab = this.behindSpace = true;
    return true;
  }

  private take(byte: number): void {
    if (!this.insideWord) {
      this.insideWord = true;
      this.words++;
      this.lastLength = 0;
    }
    if (this.behindTab && ++this.tabbedWords === 2) this.second = byte;
    if (this.behindSpace) this.spacedWords++;
    this.behindTab = this.behindSpace = false;
    if (this.lastLength < keptBytes) this.last[this.lastLength++] = byte;
    if (this.words === 1 && this.firstLength < keptBytes) this.first[this.firstLength++] = byte;
  }

  private isRequest(): boolean {
    const { words, tabbedWords, spacedWords } = this;
    if (words < 2) return false;
    const method = this.firstWord();
    if (method === 'GET') return true;
    const last = Buffer.from(this.last.buffer, 0, this.lastLength).toString('latin1');
    if (words > 2 && Math.min(words, tabbedWords, spacedWords) <= 3 && version.test(last)) return true;
    const second = String.fromCharCode(this.second);
    if (tabbedWords < 2) return false;
    if (second === '/') return token.test(method);
    if (tabbedWords === 2) return methods.has(method) && target.test(second);
    return usualMethods.has(method) && target.test(second) && !sip.test(last);
  }

  private firstWord(): string {
    return Buffer.from(this.first.buffer, 0, this.firstLength).toString('latin1');
  }
}
