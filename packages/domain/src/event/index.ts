export * from './json.ts'
export * from './identityRules.ts'
