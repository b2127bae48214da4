import { readFile, stat } from 'node:fs/promises';
import { createFileRegistry, createRegistry, fromBinary, type Registry } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { CommandError } from '../../terminal.ts';
import { complete } from './completed.ts';

const maxFileBytes = 64 * 1024 * 1024;

/** No types at all. */
export const noTypes: Registry = createRegistry();

/** The types of a file with a FileDescriptorSet. Rejects with a CommandError. */
export async function readDescriptors(file: string): Promise<Registry> {
  const bad = (why: string): CommandError => new CommandError(`--descriptors (${file}) ${why}`);
  let bytes: Uint8Array;
  try {
    const { size } = await stat(file);
    if (size > maxFileBytes) throw bad(`has ${size} bytes: at most ${maxFileBytes} are read`);
    bytes = await readFile(file);
  } catch (error) {
    throw error instanceof CommandError ? error : bad(`cannot be read: ${(error as Error).message}`);
  }
  try {
    const files = fromBinary(FileDescriptorSetSchema, bytes);
    complete(files.file);
    return createFileRegistry(files);
  } catch (error) {
    throw bad(
      `is no FileDescriptorSet with all that it imports, as 'buf build -o' and 'protoc --include_imports -o' write it: ` +
        (error as Error).message,
    );
  }
}
