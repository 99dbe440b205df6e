export * from './model/index.ts'
export { canonicalJson } from './canonicalJson.ts'
export { documentHash } from './documentHash.ts'
export { identityRules, resolverRules } from './identityRules.ts'
export {
  buildWorkspace,
  DEFAULT_IDENTITY,
  UnusableRevision,
  type WorkspaceConfiguration,
} from './workspaceConfiguration.ts'
export * from './configurationFeed.ts'
export { acceptRevision } from './acceptRevision.ts'
