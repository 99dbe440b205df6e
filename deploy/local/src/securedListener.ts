/** A listener as real clusters have it: TLS, and SASL with every mechanism that the services speak. */

export interface SecuredListener {
  /** A PEM file with the broker's key (PKCS#8) and certificate. */
  readonly keyStore: string
  /** Who may log in with a password, by PLAIN and SCRAM. By OAUTHBEARER whoever has an unsigned token may. */
  readonly users: Readonly<Record<string, string>>
}

const SCRAM = ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const
const MODULES = 'org.apache.kafka.common.security'

/** What the broker is told of a listener called SECURED. Denied is only who is not named where something is allowed. */
export function securedProperties({ keyStore, users }: SecuredListener): Record<string, string> {
  const named = Object.entries(users).map(([name, password]) => `user_${name}="${password}"`)
  const module = (mechanism: string, text: string): [string, string] => [
    `listener.name.secured.${mechanism.toLowerCase()}.sasl.jaas.config`,
    `${MODULES}.${text};`,
  ]
  return {
    'listener.name.secured.ssl.keystore.type': 'PEM',
    'listener.name.secured.ssl.keystore.location': keyStore,
    'listener.name.secured.sasl.enabled.mechanisms': ['PLAIN', ...SCRAM, 'OAUTHBEARER'].join(','),
    ...Object.fromEntries([
      module('PLAIN', `plain.PlainLoginModule required ${named.join(' ')}`),
      ...SCRAM.map((mechanism) => module(mechanism, 'scram.ScramLoginModule required')),
      module(
        'OAUTHBEARER',
        'oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker"',
      ),
    ]),
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS',
    'allow.everyone.if.no.acl.found': 'true',
  }
}

/** Arguments of the formatting of a data folder: SCRAM's users are records of the cluster. */
export function scramUsers({ users }: SecuredListener): string[] {
  return Object.entries(users).flatMap(([name, password]) =>
    SCRAM.flatMap((mechanism) => ['--add-scram', `${mechanism}=[name=${name},password=${password}]`]),
  )
}
