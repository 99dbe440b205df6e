import { topics } from '@tributary/contracts'
import { Revision } from '@tributary/contracts/generated/tributary/config/v1/revision'
import { array, millis, nullable, string, uint64, word } from './columnType.ts'
import { defineLogTable, isUnreadable } from './logTable.ts'
import { placeColumns, placeOf } from './place.ts'
import { readProtobuf } from './readValue.ts'

export const configurationTable = defineLogTable(
  'configuration',
  topics.config,
  {
    ...placeColumns,
    revision: uint64,
    parent: uint64,
    author: string,
    message: string,
    created: nullable(millis),
    document_kinds: array(word),
    document_ids: array(string),
    document_hashes: array(string),
    document_owners: array(word),
    document_jsons: array(string),
  },
  (place, record) => {
    const revision = readProtobuf(record, Revision)
    if (isUnreadable(revision)) return revision
    const { documents } = revision
    return {
      ...placeOf(place, record),
      revision: revision.revision,
      parent: revision.parent,
      author: revision.author,
      message: revision.message,
      created: revision.createdAt?.getTime(),
      document_kinds: documents.map((document) => document.kind),
      document_ids: documents.map((document) => document.id),
      document_hashes: documents.map((document) => document.hash),
      document_owners: documents.map((document) => document.managedBy),
      document_jsons: documents.map((document) => document.json),
    }
  },
)
