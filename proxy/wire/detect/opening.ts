import { CR, LF, SP, TAB } from '../syntax.ts';

/**
 * - `open`: its first line is not complete;
 * - `http`: some server would take it for a request, or find one in it;
 * - `other`: none would.
 */
export type OpeningVerdict = 'open' | 'http' | 'other';

/** The longest line that servers read: Go's take heads of a megabyte. Behind it nobody reads a request any more. */
const longestLine = 2 * 1024 * 1024;
/** What TLS begins with. */
const handshake = 22;
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
/** Node reads requests of RTSP and ICE too. */
const version = /^(http|rtsp|ice)\/\d/i;
/** What begins a target where a server asks more of it than that it is a word. NATS says `CONNECT {...}`. */
const target = /[/*a-z0-9[]/i;

/**
 * Watches the first bytes of a connection that is carried as opaque bytes, for what a lenient server would take for an
 * HTTP request. Servers are more lenient than our own parser, each in its own way: they take tabs for spaces, many spaces
 * for one, methods of any letters, requests without a version. None acts on a request line that has no end: so bytes may
 * go on as they come, but those that end such a line.
 *
 * It keeps no bytes but those of two words, and looks at no more than the first line that is not blank.
 */
export class Opening {
  private readonly first = new Uint8Array(keptBytes);
  private readonly last = new Uint8Array(keptBytes);
  private firstLength = 0;
  private lastLength = 0;
  private words = 0;
  /** Those that spaces alone divide, which is how stricter servers read, and how the second of them begins. */
  private spacedWords = 0;
  private behindSpace = true;
  private second = 0;
  private insideWord = false;
  private lineBytes = 0;
  private readonly notTls: boolean;

  /** With `notTls` the TLS of an application is none of what may pass: nobody can tell what requests are in it. */
  constructor(notTls = false) {
    this.notTls = notTls;
  }

  read(chunk: Uint8Array): OpeningVerdict {
    if (this.notTls && this.lineBytes === 0 && chunk[0] === handshake) return 'http';
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i];
      if (whiteSpace[byte] === 0) this.take(byte);
      else {
        this.insideWord = false;
        this.behindSpace ||= byte === SP || byte === TAB || byte === CR || byte === LF;
        // Some end a line at CR alone; for the others it goes on.
        if (this.words > 0 && (byte === LF || byte === CR)) {
          if (this.isRequest()) return 'http';
          if (byte === LF) return 'other';
        }
      }
    }
    this.lineBytes += chunk.length;
    return this.lineBytes > longestLine ? 'other' : 'open';
  }

  /** The client has ended: some servers take what has come for a line. */
  end(): OpeningVerdict {
    return this.words > 0 && this.isRequest() ? 'http' : 'other';
  }

  private take(byte: number): void {
    if (!this.insideWord) {
      this.insideWord = true;
      this.words++;
      this.lastLength = 0;
      if (this.behindSpace && ++this.spacedWords === 2) this.second = byte;
      this.behindSpace = false;
    }
    if (this.lastLength < keptBytes) this.last[this.lastLength++] = byte;
    if (this.words === 1 && this.firstLength < keptBytes) this.first[this.firstLength++] = byte;
  }

  private isRequest(): boolean {
    if (this.words < 2) return false;
    const last = Buffer.from(this.last.buffer, 0, this.lastLength).toString('latin1');
    if (version.test(last)) return true;
    const method = Buffer.from(this.first.buffer, 0, this.firstLength).toString('latin1');
    return (
      method === 'GET' ||
      (this.spacedWords === 2 && methods.has(method) && target.test(String.fromCharCode(this.second)))
    );
  }
}
