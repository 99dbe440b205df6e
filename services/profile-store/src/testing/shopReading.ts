import { identityRules } from '@tributary/configuration'
import { type IdentifierReading } from '../grpc/findProfile.ts'
import { identifierId } from './shopPeople.ts'

/** Reads values as shopPeople calls them, under the rules of a workspace that states none. */
export const shopReading: IdentifierReading = {
  rules: identityRules(undefined),
  hash: (_type, _version, value) => identifierId(value),
  phone: () => undefined,
}
