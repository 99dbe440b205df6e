export * from '../identity/testing/memoryIdentityRows.ts'
export * from '../identity/testing/resolveAll.ts'
export * from '../audience/testing/arbitraryConditions.ts'
export * from '../profile/testing/arbitraryEvents.ts'
