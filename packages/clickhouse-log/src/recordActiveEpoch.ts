import type { ClickHouse } from './clickHouse.ts'

/** From now on questions about people are answered from the events of this layout epoch. May be said again. */
export async function recordActiveEpoch(clickhouse: ClickHouse, epoch: number): Promise<void> {
  await clickhouse.command(`INSERT INTO ${clickhouse.table('layouts')} (epoch) VALUES (${epoch})`)
}
