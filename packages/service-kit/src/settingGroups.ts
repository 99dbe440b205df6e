/** The settings that every service shares, in groups; spread the ones a service needs into its `defineSettings`. */
import { hostname } from 'node:os'
import { choice, flag, integer, list, port, text } from './settings.ts'

const SASL_WITH_PASSWORD = ['plain', 'scram-sha-256', 'scram-sha-512']

/** How events are read, wherever they are. */
export const eventSettings = {
  MAX_EVENT_BYTES: integer({
    about: 'largest event of a source that does not say otherwise',
    unit: 'bytes',
    default: 256 * 1024,
    min: 1024,
    max: 900 * 1024,
  }),
}

export const kafkaSettings = {
  KAFKA_BROKERS: list({ about: 'addresses of one or more brokers, host:port' }),
  KAFKA_CLIENT_ID: text({ about: 'client id in the broker’s logs and quotas', default: 'tributary' }),
  KAFKA_TLS: flag({ about: 'whether connections to Kafka use TLS', default: false }),
  KAFKA_TLS_CA_FILE: text({
    about: 'file with the PEM certificates of the authorities that sign the brokers; the system’s without it',
    optional: true,
    check: needsTls('KAFKA_TLS_CA_FILE'),
  }),
  KAFKA_TLS_CERT_FILE: text({
    about: 'file with the PEM client certificate, for brokers that ask for one',
    optional: true,
    check: (values) =>
      needsTls('KAFKA_TLS_CERT_FILE')(values) ?? needs('KAFKA_TLS_CERT_FILE', 'KAFKA_TLS_KEY_FILE', values),
  }),
  KAFKA_TLS_KEY_FILE: text({
    about: 'file with the PEM key of the client certificate',
    optional: true,
    check: (values) =>
      needsTls('KAFKA_TLS_KEY_FILE')(values) ?? needs('KAFKA_TLS_KEY_FILE', 'KAFKA_TLS_CERT_FILE', values),
  }),
  KAFKA_SASL_MECHANISM: choice(['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'], {
    about: 'how the client authenticates; not at all without it',
    optional: true,
  }),
  KAFKA_SASL_USERNAME: text({
    about: 'user name for plain and scram',
    optional: true,
    check: requiredBySasl('KAFKA_SASL_USERNAME'),
  }),
  KAFKA_SASL_PASSWORD_FILE: text({
    about: 'file with the password for plain and scram',
    optional: true,
    check: requiredBySasl('KAFKA_SASL_PASSWORD_FILE'),
  }),
  KAFKA_OAUTH_TOKEN_FILE: text({
    about: 'file with the bearer token for oauthbearer, read again at each authentication',
    optional: true,
    check: (values) =>
      values['KAFKA_SASL_MECHANISM'] === 'oauthbearer' && values['KAFKA_OAUTH_TOKEN_FILE'] === undefined
        ? 'is not set; KAFKA_SASL_MECHANISM=oauthbearer needs it'
        : undefined,
  }),
  TOPIC_PREFIX: text({ about: 'prefix of all topic names', default: 'cdp' }),
  // A rebuild runs the services of the next epoch beside those of this one; see internal.layout for the active one.
  LAYOUT_EPOCH: integer({ about: 'layout epoch these processes work in', unit: 'epoch', default: 1, min: 1 }),
  GROUP_PREFIX: text({ about: 'prefix of consumer groups and transactional ids', default: 'cdp' }),
  // Three copies, two of which must have a record before it counts as written, is what production clusters run.
  KAFKA_REPLICATION_FACTOR: integer({
    about: 'copies of each partition when topics are created',
    unit: 'copies',
    default: 3,
    min: 1,
  }),
  KAFKA_MIN_ISR: integer({
    about: 'copies that must have a record before it is acknowledged',
    unit: 'copies',
    default: 2,
    min: 1,
    check: (values) =>
      Number(values['KAFKA_MIN_ISR']) > Number(values['KAFKA_REPLICATION_FACTOR'])
        ? 'is more than KAFKA_REPLICATION_FACTOR; set it to at most that'
        : undefined,
  }),
}

export const clickhouseSettings = {
  CLICKHOUSE_URL: text({
    about: 'address of ClickHouse’s HTTP interface, http(s)://host:port',
    check: (values) =>
      /^https?:\/\/[^\s@]+$/.test(String(values['CLICKHOUSE_URL']))
        ? undefined
        : 'is no http(s) address without user and password; set http(s)://host:port and put the user in CLICKHOUSE_USER',
  }),
  CLICKHOUSE_DATABASE: text({ about: 'database of the event log', default: 'tributary' }),
  CLICKHOUSE_USER: text({ about: 'user name', default: 'default' }),
  CLICKHOUSE_PASSWORD_FILE: text({ about: 'file with the password; none without it', optional: true }),
  CLICKHOUSE_CA_FILE: text({
    about: 'file with the PEM certificates of the authorities that sign the server; the system’s without it',
    optional: true,
    check: (values) =>
      values['CLICKHOUSE_CA_FILE'] !== undefined && !String(values['CLICKHOUSE_URL']).startsWith('https:')
        ? 'is set but CLICKHOUSE_URL is not https; set an https address or remove it'
        : undefined,
  }),
}

export const serviceSettings = {
  NODE_ID: text({ about: 'name of this instance, unique in the installation', default: hostname() }),
  DATA_DIR: text({ about: 'folder for local state, which may be lost', default: '.data/state' }),
  HOST: text({ about: 'address the servers listen on', default: '0.0.0.0' }),
  HTTP_PORT: port({ about: 'port of the HTTP interface, 0 = any free one', default: 8080 }),
  GRPC_PORT: port({ about: 'port of the gRPC interface, 0 = any free one', default: 9090 }),
  ADMIN_PORT: port({ about: 'port of /livez, /readyz and /metrics, 0 = any free one', default: 9464 }),
  PORTS_FILE: text({ about: 'file that gets the ports as JSON when the service is ready', optional: true }),
  LOG_LEVEL: choice(['trace', 'debug', 'info', 'warn', 'error', 'fatal'], {
    about: 'lowest level that is logged',
    default: 'info',
  }),
  WORKSPACE_KEY_FILE: text({
    about: 'file with the workspace’s key for identifier ids, at least 32 characters',
    optional: true,
  }),
  SECRETS_DIR: text({ about: 'folder with the files that documents name as secrets', optional: true }),
  GRPC_TOKEN_FILE: text({
    about: 'file with the bearer tokens that callers may use, one a line',
    optional: true,
  }),
  GRPC_ALLOW_UNAUTHENTICATED: flag({ about: 'whether gRPC answers callers without a token', default: false }),
  GRPC_ADVERTISED_ADDRESS: text({
    about:
      'host, or host:port, under which the other instances reach this one’s gRPC; POD_IP without it, else HOST',
    optional: true,
  }),
  POD_IP: text({ about: 'address of this pod, set by Kubernetes', optional: true }),
  GRPC_TLS_PEER_CA_FILE: text({
    about:
      'file with the PEM certificates that sign the other instances’ gRPC certificates; the system’s without it',
    optional: true,
    check: (values) => needs('GRPC_TLS_PEER_CA_FILE', 'GRPC_TLS_CERT_FILE', values),
  }),
  GRPC_TLS_PEER_NAME: text({
    about: 'name in the other instances’ gRPC certificates; the address they are called at without it',
    optional: true,
    check: (values) => needs('GRPC_TLS_PEER_NAME', 'GRPC_TLS_CERT_FILE', values),
  }),
  GRPC_TLS_CERT_FILE: text({
    about: 'file with the PEM certificate of the gRPC server; plain text without it',
    optional: true,
    check: (values) => needs('GRPC_TLS_CERT_FILE', 'GRPC_TLS_KEY_FILE', values),
  }),
  GRPC_TLS_KEY_FILE: text({
    about: 'file with the PEM key of that certificate',
    optional: true,
    check: (values) => needs('GRPC_TLS_KEY_FILE', 'GRPC_TLS_CERT_FILE', values),
  }),
  GRPC_TLS_CLIENT_CA_FILE: text({
    about: 'file with the PEM certificates that sign callers’ certificates; asks callers for one (mTLS)',
    optional: true,
    check: (values) => needs('GRPC_TLS_CLIENT_CA_FILE', 'GRPC_TLS_CERT_FILE', values),
  }),
  OTEL_EXPORTER_OTLP_ENDPOINT: text({
    about:
      'where traces are sent, as OTLP over HTTP, for example http://collector:4318; nothing is traced without it',
    optional: true,
    check: ({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }) =>
      typeof endpoint !== 'string' || URL.canParse(endpoint)
        ? undefined
        : 'is no address; write http://host:port',
  }),
  // One request in a hundred shows how long things take; whoever sends a sampled traceparent is traced in any case.
  TRACE_RATIO: text({
    about: 'share of the requests that are traced when their sender has not decided it, 0 to 1',
    default: '0.01',
    check: (values) => {
      const ratio = Number(values['TRACE_RATIO'])
      return ratio >= 0 && ratio <= 1 ? undefined : 'is no number from 0 to 1'
    },
  }),
  // A pod is taken out of the endpoints while its stop signal is already on its way; five seconds is what
  // endpoint controllers need on a busy cluster, none is right where nothing balances load.
  SHUTDOWN_DRAIN_MS: integer({
    about: 'wait between “not ready” and the stop',
    unit: 'ms',
    default: 0,
    max: 60_000,
  }),
  SHUTDOWN_GRACE_MS: integer({
    about: 'how long a graceful stop may take',
    unit: 'ms',
    default: 30_000,
    min: 100,
    max: 600_000,
  }),
  IDENTIFIER_PARTITIONS: integer({
    about: 'partitions of the topics by identifier',
    unit: 'partitions',
    default: 12,
    min: 1,
    max: 4096,
  }),
  PROFILE_PARTITIONS: integer({
    about: 'partitions of the topics by profile',
    unit: 'partitions',
    default: 12,
    min: 1,
    max: 4096,
  }),
  DELIVERY_PARTITIONS: integer({
    about: 'partitions of the topics by destination and profile',
    unit: 'partitions',
    default: 12,
    min: 1,
    max: 4096,
  }),
}

function needs(name: string, other: string, values: Readonly<Record<string, unknown>>): string | undefined {
  return values[name] !== undefined && values[other] === undefined
    ? `is set without ${other}; set both`
    : undefined
}

function needsTls(name: string): (values: Readonly<Record<string, unknown>>) => string | undefined {
  return (values) =>
    values[name] !== undefined && values['KAFKA_TLS'] !== true
      ? 'is set but KAFKA_TLS is not true; set KAFKA_TLS=true or remove it'
      : undefined
}

function requiredBySasl(name: string): (values: Readonly<Record<string, unknown>>) => string | undefined {
  return (values) =>
    values[name] === undefined && SASL_WITH_PASSWORD.includes(String(values['KAFKA_SASL_MECHANISM']))
      ? `is not set; KAFKA_SASL_MECHANISM=${String(values['KAFKA_SASL_MECHANISM'])} needs it`
      : undefined
}
