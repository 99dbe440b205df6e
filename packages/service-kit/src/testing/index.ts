export * from './recordingLogger.ts'
