/**
 * From settings and mounted files to what the clients of Kafka and ClickHouse ask for. The files are read here; the
 * results go to @tributary/kafka and @tributary/clickhouse-log as they are.
 */
import { readFileSync } from 'node:fs'
import { readSecretFile } from './secretFile.ts'
import type { clickhouseSettings, kafkaSettings } from './settingGroups.ts'
import type { SettingsOf } from './settings.ts'

export interface KafkaConnectionSettings {
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string }
  readonly sasl?:
    | {
        readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
        readonly username: string
        readonly password: string
      }
    | { readonly mechanism: 'oauthbearer'; readonly token: () => string }
}

/** How topics of the catalogue are named here: `topicName` takes it. */
export function topicPrefix(settings: { readonly TOPIC_PREFIX: string; readonly LAYOUT_EPOCH: number }): {
  readonly prefix: string
  readonly epoch: number
} {
  return { prefix: settings.TOPIC_PREFIX, epoch: settings.LAYOUT_EPOCH }
}

export function kafkaConnection(settings: SettingsOf<typeof kafkaSettings>): KafkaConnectionSettings {
  const tls = settings.KAFKA_TLS
    ? {
        tls: {
          ...(settings.KAFKA_TLS_CA_FILE === undefined ? {} : { ca: pem(settings.KAFKA_TLS_CA_FILE) }),
          ...(settings.KAFKA_TLS_CERT_FILE === undefined ? {} : { cert: pem(settings.KAFKA_TLS_CERT_FILE) }),
          ...(settings.KAFKA_TLS_KEY_FILE === undefined ? {} : { key: pem(settings.KAFKA_TLS_KEY_FILE) }),
        },
      }
    : {}
  const sasl = saslOf(settings)
  return {
    brokers: settings.KAFKA_BROKERS,
    clientId: settings.KAFKA_CLIENT_ID,
    ...tls,
    ...(sasl === undefined ? {} : { sasl }),
  }
}

function saslOf(settings: SettingsOf<typeof kafkaSettings>): KafkaConnectionSettings['sasl'] {
  const mechanism = settings.KAFKA_SASL_MECHANISM
  if (mechanism === undefined) return undefined
  if (mechanism === 'oauthbearer') {
    const path = settings.KAFKA_OAUTH_TOKEN_FILE ?? ''
    // Tokens are renewed in place by whoever mounts them: read the file each time one is asked for.
    return { mechanism, token: () => readSecretFile(path) }
  }
  return {
    mechanism,
    username: settings.KAFKA_SASL_USERNAME ?? '',
    password: readSecretFile(settings.KAFKA_SASL_PASSWORD_FILE ?? ''),
  }
}

export interface ClickhouseConnectionSettings {
  readonly url: string
  readonly database: string
  readonly username: string
  readonly password: string
  /** PEM. */
  readonly ca?: string
}

export function clickhouseConnection(
  settings: SettingsOf<typeof clickhouseSettings>,
): ClickhouseConnectionSettings {
  return {
    url: settings.CLICKHOUSE_URL,
    database: settings.CLICKHOUSE_DATABASE,
    username: settings.CLICKHOUSE_USER,
    password:
      settings.CLICKHOUSE_PASSWORD_FILE === undefined
        ? ''
        : readSecretFile(settings.CLICKHOUSE_PASSWORD_FILE),
    ...(settings.CLICKHOUSE_CA_FILE === undefined ? {} : { ca: pem(settings.CLICKHOUSE_CA_FILE) }),
  }
}

function pem(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Error(`the certificate file ${path} cannot be read; mount it`, { cause: error })
  }
}
