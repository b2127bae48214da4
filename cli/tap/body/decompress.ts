import {
  brotliDecompressSync,
  constants,
  gunzipSync,
  inflateRawSync,
  inflateSync,
  type ZlibOptions,
  zstdDecompressSync,
} from 'node:zlib';

/** So much of what was compressed is shown, of one body: a few bytes may stand for a thousand times as many. */
export const maxExpandedBytes = 256 * 1024;

/** Of zstd, a power of two: what HTTP allows (RFC 9659). A frame that asks for more could have any amount of memory. */
const zstdWindow = 23;

/** Bytes, or why there are none. */
export type Decompressed = { readonly bytes: Uint8Array } | { readonly problem: string };

/** What is cut off is expanded as far as it is there. */
const zlib = (maxOutputLength: number): ZlibOptions => ({ maxOutputLength, finishFlush: constants.Z_SYNC_FLUSH });

const gunzip = (bytes: Uint8Array, most: number): Uint8Array => gunzipSync(bytes, zlib(most));
const inflate = (bytes: Uint8Array, most: number): Uint8Array => {
  try {
    return inflateSync(bytes, zlib(most));
  } catch (error) {
    // Some send it without the wrapping that the name stands for (RFC 9110, 8.4.1.2).
    if ((error as NodeJS.ErrnoException).code !== 'Z_DATA_ERROR') throw error;
    return inflateRawSync(bytes, zlib(most));
  }
};

const codings: Readonly<Record<string, (bytes: Uint8Array, maxOutputLength: number) => Uint8Array>> = {
  gzip: gunzip,
  'x-gzip': gunzip,
  deflate: inflate,
  br: (bytes, maxOutputLength) =>
    brotliDecompressSync(bytes, { maxOutputLength, finishFlush: constants.BROTLI_OPERATION_FLUSH }),
  zstd: (bytes, maxOutputLength) =>
    zstdDecompressSync(bytes, {
      maxOutputLength,
      finishFlush: constants.ZSTD_e_flush,
      params: { [constants.ZSTD_d_windowLogMax]: zstdWindow },
    }),
};

/**
 * Expands what was sent with a content coding or message encoding, by its name, to `most` bytes; what is cut off, as far as it
 * goes.
 */
export function decompressed(coding: string, bytes: Uint8Array, most = maxExpandedBytes): Decompressed {
  const name = coding.trim().toLowerCase();
  if (!Object.hasOwn(codings, name)) return { problem: 'in an encoding that is not known here' };
  if (most === 0) return { problem: 'that is not expanded: what came before it is as much as is shown' };
  try {
    return { bytes: codings[name](bytes, most) };
  } catch (error) {
    const isTooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    return { problem: isTooLarge ? `that expands to more than ${most} B` : `that is no ${name}` };
  }
}
