export * from './createMemoryStore.ts'
export * from './createProcessorDriver.ts'
export * from './countingTopology.ts'
