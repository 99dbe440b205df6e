import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { rejectionCodes } from '@tributary/domain'
import { answerCodes } from './answer.ts'
import { UPLOAD_PATH, ingestPaths } from './route.ts'

const file = new URL('../../../../docs/reference/ingest.md', import.meta.url)
/** Tables are padded by the formatter. */
const reference = readFileSync(file, 'utf8').replaceAll(/ +/g, ' ')

test('every answer stands in the reference with its status', () => {
  const missing = Object.entries(answerCodes).filter(
    ([code, { status }]) => !reference.includes(`| ${status} | \`${code}\` |`),
  )
  expect(missing).toEqual([])
})

test('every reason for a reject stands in the reference', () => {
  const missing = Object.keys(rejectionCodes).filter((code) => !reference.includes(`| \`${code}\` |`))
  expect(missing).toEqual([])
})

test('every path stands in the reference', () => {
  expect([...ingestPaths, UPLOAD_PATH].filter((path) => !reference.includes(`${path}\``))).toEqual([])
})
