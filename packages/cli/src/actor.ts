import { CommandError, type Context } from './context.ts'

/** Who decides: the flag, else the environment. */
export function actorOf(context: Context, flags: { readonly actor?: string }): string {
  const actor = flags.actor ?? context.env['TRIBUTARY_ACTOR'] ?? context.env['USER'] ?? ''
  if (actor === '') throw new CommandError('say who decides: --actor <name>, or TRIBUTARY_ACTOR')
  return actor
}
