export * from '../identity/testing/memoryIdentityRows.ts'
export * from '../identity/testing/resolveAll.ts'
