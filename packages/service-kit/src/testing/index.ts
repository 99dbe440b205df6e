export * from './recordingLogger.ts'
export * from './selfSignedCertificate.ts'
