/** What became of deliveries, by destination. */
import { erasedProfiles } from '../removal/removalSql.ts'
import type { AuditedLog } from './auditedLog.ts'
import type { DeliveryFigures } from './figures.ts'
import type { Row } from './measure.ts'

export async function measureDeliveries({ clickhouse, rows: from }: AuditedLog): Promise<DeliveryFigures[]> {
  const rows = await clickhouse.query<
    Row<
      'created' | 'created_twice' | 'delivered' | 'dead' | 'filtered' | 'pending' | 'delivered_twice',
      'destination'
    >
  >(
    `SELECT d.destination AS destination, count() AS created, sum(d.copies - 1) AS created_twice,
      countIf(o.delivered > 0) AS delivered,
      countIf(o.delivered = 0 AND o.filtered > 0) AS filtered,
      countIf(o.delivered = 0 AND o.filtered = 0 AND o.dead > o.redriven) AS dead,
      countIf(o.delivered = 0 AND o.filtered = 0 AND o.dead <= o.redriven) AS pending,
      countIf(o.delivered > 1) AS delivered_twice
    FROM (
      SELECT id, any(destination) AS destination, count() AS copies FROM ${from('deliveries')} GROUP BY id
    ) AS d
    LEFT JOIN (
      SELECT delivery_id, countIf(kind = 'delivered') AS delivered, countIf(kind = 'dead') AS dead,
        countIf(kind = 'filtered') AS filtered, countIf(kind = 'redriven') AS redriven
      FROM ${from('delivery_outcomes')} GROUP BY delivery_id
    ) AS o ON d.id = o.delivery_id
    GROUP BY destination ORDER BY destination`,
  )
  return rows.map((row) => ({
    destination: row.destination,
    created: Number(row.created),
    createdTwice: Number(row.created_twice),
    delivered: Number(row.delivered),
    dead: Number(row.dead),
    filtered: Number(row.filtered),
    pending: Number(row.pending),
    deliveredTwice: Number(row.delivered_twice),
  }))
}

/** An outcome that comes after the deliveries of its person were erased goes the same way next time. */
export async function countOutcomesWithoutDelivery({ clickhouse, rows: from }: AuditedLog): Promise<number> {
  const [row] = await clickhouse.query<Row<'outcomes'>>(
    `SELECT uniqExact(delivery_id) AS outcomes FROM ${from('delivery_outcomes')}
    WHERE delivery_id NOT IN (SELECT id FROM ${from('deliveries')})
      AND profile_id NOT IN ${erasedProfiles(clickhouse)}`,
  )
  return Number(row?.outcomes ?? 0)
}
