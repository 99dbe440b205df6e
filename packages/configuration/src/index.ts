export * from './model/index.ts'
export { ID_PATTERN, MAX_ID_LENGTH } from './model/terms.ts'
export { canonicalJson } from './canonicalJson.ts'
export { documentHash } from './documentHash.ts'
export { didYouMean } from './check/suggestion.ts'
export { blockedIds, identityRules, resolverRules } from './identityRules.ts'
export {
  buildWorkspace,
  DEFAULT_IDENTITY,
  UnusableRevision,
  type WorkspaceConfiguration,
} from './workspaceConfiguration.ts'
export * from './configurationFeed.ts'
export { acceptRevision } from './acceptRevision.ts'
export {
  MAX_FILE_BYTES,
  parseDocuments,
  type ParsedDocument,
  type ParsedFiles,
  type Position,
  type Problem,
  type SourceFile,
} from './parseDocuments.ts'
export { type Substitutions } from './substitute.ts'
export { formatProblem, validateDocuments, validateWorkspace } from './validateWorkspace.ts'
export { documentsToYaml } from './documentsToYaml.ts'
export { jsonSchemas, schemaText, type JsonSchema, type SchemaName } from './jsonSchemas.ts'
export * from './revisions.ts'
export { writeRevision, type ConfigLog, type WriteOutcome } from './writeRevision.ts'
export * from './plan.ts'
export { compileFieldExpression } from './expression/fieldExpression.ts'
export type { Expression } from './expression/expression.ts'
export { readRecipe, type ReadRecipe } from './recipe/readRecipe.ts'
export type { CompiledRecipe, RecipeItem } from './recipe/compileRecipe.ts'
export { traitAggregate } from './traitAggregate.ts'
