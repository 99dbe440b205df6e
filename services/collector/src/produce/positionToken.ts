import { PositionToken } from '@tributary/contracts/generated/tributary/ingest/v1/position'
import { type WrittenPosition } from './groupCommit.ts'

/** The `position` of an answer: how far a reader must be to have read what was just accepted. */
export function positionToken(epoch: number, positions: readonly WrittenPosition[]): string {
  const sorted = [...positions].sort((a, b) => a.partition - b.partition)
  return Buffer.from(PositionToken.encode({ epoch, positions: sorted }).finish()).toString('base64url')
}
