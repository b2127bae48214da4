import type { CommanderError } from 'commander';
import { CommandError, usageExitCode } from './terminal.ts';

/** sysexits.h: EX_SOFTWARE. */
const softwareExitCode = 70;

/** What a command ends with, by how it failed: help that was asked for is no failure, and what it cannot mean is 64. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommandError) return error.exitCode;
  if (isCommanderError(error)) return error.exitCode === 0 ? 0 : usageExitCode;
  return softwareExitCode;
}

/** By its code, so that commander need not be loaded to ask. */
export const isCommanderError = (error: unknown): error is CommanderError =>
  error instanceof Error && 'code' in error && String(error.code).startsWith('commander.');
