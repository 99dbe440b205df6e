import { type ClickHouse, checkMigrations, connectClickHouse } from '@tributary/clickhouse-log'
import type { ClickhouseConnectionSettings } from '@tributary/service-kit'
import { diskCheck } from './examineHost.ts'
import { fine, remedied, wrong, type Check } from './finding.ts'

/** Major and minor version: the oldest one with long-term support that these tables were tried on. */
const OLDEST_VERSION = [25, 3] as const

/** How far two clocks may be apart, ms: event times up to five minutes ahead are taken as they are, certificates and
 *  signatures are less patient. */
const MAX_CLOCK_SKEW_MS = 5_000

export async function examineClickhouse(
  target: ClickhouseConnectionSettings,
  now: () => number,
): Promise<Check[]> {
  const client = connectClickHouse(target)
  try {
    await client.ping()
    const before = now()
    const [row] = await client.query<{ version: string; now: string }>(
      'SELECT version() AS version, toUnixTimestamp64Milli(now64(3)) AS now',
    )
    const middle = (before + now()) / 2
    const checks = [versionCheck(row!.version), clockCheck(Number(row!.now) - middle)]
    checks.push(...(await examineServer(client)))
    try {
      await checkMigrations({ client })
      checks.push(fine('ClickHouse', `the tables of ${target.database} are up to date`))
    } catch (error) {
      checks.push(
        wrong('ClickHouse', ...remedied((error as Error).message, 'see the README of clickhouse-log')),
      )
    }
    return checks
  } finally {
    await client.close()
  }
}

/** Its disks, and tables that cannot be written to. */
async function examineServer(client: ClickHouse): Promise<Check[]> {
  const disks = await client.query<{ name: string; free: string | number; size: string | number }>(
    `SELECT name, free_space AS free, total_space AS size FROM system.disks WHERE total_space > 0 AND NOT is_remote`,
  )
  const [replicas] = await client.query<{ stuck: string | number }>(
    'SELECT countIf(is_readonly) AS stuck FROM system.replicas WHERE database = currentDatabase()',
  )
  const stuck = Number(replicas?.stuck ?? 0)
  return [
    ...disks.map(({ name, free, size }) => {
      const check = diskCheck(`ClickHouse’s disk ${name}`, Number(free), Number(size))
      return { ...check, area: 'ClickHouse' }
    }),
    ...(stuck === 0
      ? []
      : [
          wrong(
            'ClickHouse',
            `${stuck} tables cannot be written to: their replicas have lost Keeper`,
            'see that Keeper runs and can be reached by ClickHouse',
          ),
        ]),
  ]
}

export function versionCheck(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const old = major < OLDEST_VERSION[0] || (major === OLDEST_VERSION[0] && minor < OLDEST_VERSION[1])
  return old
    ? wrong(
        'ClickHouse',
        `version ${version} is older than ${OLDEST_VERSION.join('.')}`,
        'upgrade ClickHouse',
      )
    : fine('ClickHouse', `version ${version} answers`)
}

export function clockCheck(skewMs: number): Check {
  const apart = Math.abs(Math.round(skewMs))
  return apart > MAX_CLOCK_SKEW_MS
    ? wrong(
        'clock',
        `this clock and ClickHouse’s are ${(apart / 1000).toFixed(1)} s apart`,
        'run a time service (chrony, ntpd) on both',
      )
    : fine('clock', `within ${MAX_CLOCK_SKEW_MS / 1000} s of ClickHouse’s`)
}
