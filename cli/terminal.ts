/** What a command reads and writes: the process's own, or a test's. */
export interface Terminal {
  /** All of standard input. */
  readonly input: () => Promise<Uint8Array>;
  /** Standard output, for what programs read. */
  readonly out: (text: string) => void;
  /** Standard error, for what people read. */
  readonly err: (text: string) => void;
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Calls back when the user asks to stop (Ctrl-C, SIGTERM, SIGHUP). */
  readonly onStop: (callback: () => void) => void;
  /** Whether somebody sits at standard input. Default false. */
  readonly interactive?: boolean;
  /** Where standard output and input are a terminal that shows pages and gives keys; undefined where they are not. */
  readonly screen?: Screen;
}

/** A terminal on which something goes on. */
export interface Screen {
  /** Of the page, in characters. */
  size(): { readonly rows: number; readonly columns: number };
  /** Calls back with each key that is pressed, until what it returns is called: meanwhile Ctrl-C is one of them. */
  onKey(callback: (key: string) => void): () => void;
}

/** A failure that is told in one line, without a stack; with an empty message it has been told already. */
export class CommandError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** No cluster can be asked: none is known, or it does not answer. */
export class NoCluster extends CommandError {}

/** sysexits.h: EX_USAGE. */
export const usageExitCode = 64;

/** What was typed cannot be meant: the message says what to write instead. */
export class UsageError extends CommandError {
  constructor(message: string) {
    super(message, usageExitCode);
  }
}
