import type { ClickHouse } from '@tributary/clickhouse-log'

/** A connection that stops for good before the nth statement that changes anything. */
export function killedBefore(clickhouse: ClickHouse, step: number): ClickHouse {
  let left = step
  const dies = (): void => {
    if (left-- === 0) throw new Error('killed')
  }
  return {
    ...clickhouse,
    command: async (sql) => {
      dies()
      await clickhouse.command(sql)
    },
    insertRowBinary: async (insert) => {
      dies()
      await clickhouse.insertRowBinary(insert)
    },
  }
}

/** Whether a run ended; false when it was killed. */
export async function ends(run: Promise<unknown>): Promise<boolean> {
  try {
    await run
    return true
  } catch (error) {
    if ((error as Error).message === 'killed') return false
    throw error
  }
}
