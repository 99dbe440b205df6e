/** The container images of the stack; compose.yaml names the same ones (a test compares them). */
export const IMAGES = {
  kafka: 'apache/kafka:4.4.0',
  clickhouse: 'clickhouse/clickhouse-server:26.7',
} as const
