export * from './event/index.ts'
export * from './identity/index.ts'
export * from './profile/index.ts'
export * from './audience/index.ts'
