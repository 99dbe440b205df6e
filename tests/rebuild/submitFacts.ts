/** What an operator says in the middle of a rebuild check: every kind of fact that is submitted. */
import { credentials } from '@grpc/grpc-js'
import { FactKind } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import { IdentityServiceClient } from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import { bearerCredentials, callUnary, createGrpcChannelOptions } from '@tributary/service-kit'
import type { Installation } from '../../deploy/local/src/launcher.ts'
import { readSecret } from '../../deploy/local/src/secretFiles.ts'

interface Said {
  readonly id: string
  readonly kind: FactKind
  readonly about?: readonly (readonly [type: string, value: string])[]
  readonly retracts?: string
}

const said: readonly Said[] = [
  {
    id: 'joined',
    kind: FactKind.FACT_KIND_JOIN,
    about: [
      ['user_id', 'u1'],
      ['user_id', 'u2'],
    ],
  },
  {
    id: 'wrongly',
    kind: FactKind.FACT_KIND_JOIN,
    about: [
      ['user_id', 'u3'],
      ['user_id', 'u4'],
    ],
  },
  { id: 'taken-back', kind: FactKind.FACT_KIND_RETRACT, retracts: 'wrongly' },
  {
    id: 'apart',
    kind: FactKind.FACT_KIND_SEPARATE,
    about: [
      ['user_id', 'u5'],
      ['anonymous_id', 'device-5-1'],
    ],
  },
  { id: 'everybodys', kind: FactKind.FACT_KIND_SHARED, about: [['anonymous_id', 'device-6-1']] },
  { id: 'nobodys', kind: FactKind.FACT_KIND_NOT_SHARED, about: [['anonymous_id', 'kiosk-1']] },
  // Events were filed under both; one is opened again.
  { id: 'blocked', kind: FactKind.FACT_KIND_BLOCK, about: [['user_id', 'u7']] },
  { id: 'blocked-too', kind: FactKind.FACT_KIND_BLOCK, about: [['user_id', 'u8']] },
  { id: 'opened', kind: FactKind.FACT_KIND_UNBLOCK, about: [['user_id', 'u8']] },
]

export async function submitFacts(installation: Installation): Promise<void> {
  const client = new IdentityServiceClient(
    installation.addresses().identityStitcher!.grpc,
    credentials.createInsecure(),
    createGrpcChannelOptions(),
  )
  const metadata = bearerCredentials(await readSecret(installation.secrets.grpcToken))
  try {
    for (const { id, kind, about = [], retracts = '' } of said) {
      const refs = about.map(([type, value]) => ({
        ref: { $case: 'identifier' as const, value: { type, value } },
      }))
      // oxlint-disable-next-line no-await-in-loop -- in this order
      await callUnary(
        client.submitFact.bind(client),
        { factId: id, kind, refs, retracts, actor: 'operator', reason: 'a check' },
        { deadlineMs: 20_000, metadata },
      )
    }
  } finally {
    client.close()
  }
}
