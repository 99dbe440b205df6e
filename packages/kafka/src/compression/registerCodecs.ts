/**
 * kafkajs reads gzip only; source systems compress with whatever their client prefers. This process writes
 * uncompressed, so only reading is added.
 */
import { promisify } from 'node:util'
import { zstdDecompress } from 'node:zlib'
import kafkajs from 'kafkajs'
import { decompressLz4 } from './decompressLz4.ts'
import { decompressSnappy } from './decompressSnappy.ts'

const unzstd = promisify(zstdDecompress)

function reading(decompress: (input: Buffer) => Buffer | Promise<Buffer>) {
  return () => ({
    // oxlint-disable-next-line require-await -- the codec's interface is asynchronous
    async decompress(input: Buffer) {
      return decompress(input)
    },
    compress: () => Promise.reject(new Error('this codec only reads')),
  })
}

/** Once per process; again does no harm. */
export function registerCodecs(): void {
  const { CompressionCodecs, CompressionTypes } = kafkajs
  CompressionCodecs[CompressionTypes.Snappy] = reading(decompressSnappy)
  CompressionCodecs[CompressionTypes.LZ4] = reading(decompressLz4)
  CompressionCodecs[CompressionTypes.ZSTD] = reading((input) => unzstd(input))
}
