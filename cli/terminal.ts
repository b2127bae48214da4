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
}

/** A failure that is told in one line, without a stack; with an empty message it has been told already. */
export class CommandError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
