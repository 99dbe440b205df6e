import type { ListConflictsResponse } from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import type { IdentityView, ReadIdentityRows } from '@tributary/domain'
import { conflictReport } from './conflictReport.ts'

/** 1,000 conflicts, some 400 KiB, in one answer. */
const MAX_PAGE = 1_000
const DEFAULT_PAGE = 100

/** Conflicts in the order of their keys; a page token is where the next page begins. */
export function answerConflicts(
  rows: ReadIdentityRows,
  view: IdentityView,
  { pageSize, pageToken }: { readonly pageSize: number; readonly pageToken: string },
): ListConflictsResponse {
  const size = pageSize === 0 ? DEFAULT_PAGE : Math.min(pageSize, MAX_PAGE)
  const found = [...rows.conflicts.range(pageToken, '~', size + 1)]
  return {
    conflicts: found.slice(0, size).map(([, conflict]) => conflictReport(rows, view, conflict)),
    nextPageToken: found[size]?.[0] ?? '',
  }
}
