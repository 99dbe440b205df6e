import { loadWorkspaceKey } from '@tributary/service-kit'
import { findFiles } from './connections.ts'
import { CommandError, type Context } from './context.ts'

/** The key that identifier ids are made with. */
export function workspaceKey(context: Context): string {
  try {
    return loadWorkspaceKey(findFiles(context).workspaceKey)
  } catch (error) {
    throw new CommandError(
      `identifiers cannot be told without the workspace's key: ${(error as Error).message}`,
    )
  }
}
