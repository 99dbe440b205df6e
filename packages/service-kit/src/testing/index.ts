export * from './loneInstance.ts'
export * from './recordingLogger.ts'
export * from './selfSignedCertificate.ts'
