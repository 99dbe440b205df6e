/** Whether a record of the config topic follows the revision a reader holds (0 = none yet). */
export function acceptRevision(held: number, record: { revision: number; parent: number }): boolean {
  return record.parent === held && record.revision === held + 1
}
