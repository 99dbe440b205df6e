import type { OwnerLookup } from '../askOwners.ts'

/** The owner map of an instance that has no others. */
export const noOwners: OwnerLookup & { joined(): void } = {
  ownerOf: () => Promise.resolve(undefined),
  refresh: () => Promise.resolve(),
  joined() {},
}
