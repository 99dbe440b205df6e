import { type AudienceDocument, type TraitDocument, traitAggregate } from '@tributary/configuration'
import { type ComputedTrait } from '@tributary/domain'
import { type JobConfiguration } from '../job/jobConfiguration.ts'

/** A Trait document as tasks adopt it. */
export const trait = (id: string, body: object) => ({
  document: `trait/${id}`,
  hash: `hash-${id}`,
  definition: JSON.stringify({ kind: 'Trait', id, ...body }),
})

/** An Audience document as tasks adopt it. */
export const audience = (
  id: string,
  where: object,
  { hash = `hash-${id}`, ...more }: { hash?: string; disabled?: boolean } = {},
) => ({
  document: `audience/${id}`,
  hash,
  definition: JSON.stringify({ kind: 'Audience', id, where, ...more }),
})

/** A workspace of these documents. */
export const jobs = (documents: JobConfiguration['documents']): JobConfiguration => ({
  documents,
  refused: [],
  rules: { types: [], owner: 1, hash: 'identity', blocked: [] },
})

/** The computed traits among documents, as a profile is folded with them. */
export const computedOf = (documents: JobConfiguration['documents']): ComputedTrait[] =>
  documents.flatMap(({ hash, definition }) => {
    const document = JSON.parse(definition) as TraitDocument | AudienceDocument
    if (document.kind === 'Audience') return []
    return [{ id: document.id, aggregate: traitAggregate(document, hash)!, job: 0 }]
  })
