import { topics } from '@tributary/contracts'
import { FragmentRow } from '@tributary/contracts/generated/tributary/profile/v1/state'
import { type TableSpec } from '@tributary/stream-runtime'
import { adoptionTables } from '../adoption.ts'
import { protoCodec } from '../codecs.ts'

/** Identifier id → what is known of it. */
export const fragmentRows: TableSpec<FragmentRow> = {
  name: 'fragments',
  changeLog: topics.fragments,
  codec: protoCodec(FragmentRow),
}

export const emptyRow: FragmentRow = {
  identifierType: '',
  generation: 0,
  tag: '',
  fillsFromJob: 0,
  refiledFrom: [],
  blocked: false,
}

export const fragmentAdoption = adoptionTables(topics.fragments)
