import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const STAMP_FILE = 'deploy/monitoring/rules/tests/passed.sha256'

/** Of all rules and their cases: what `make rules` writes down when promtool has passed them. */
export function rulesStamp(root: string): string {
  const hash = createHash('sha256')
  for (const file of globSync('deploy/monitoring/rules/{*,tests/*}.yaml', { cwd: root }).sort())
    hash
      .update(file)
      .update('\0')
      .update(readFileSync(join(root, file)))
      .update('\0')
  return hash.digest('hex')
}
