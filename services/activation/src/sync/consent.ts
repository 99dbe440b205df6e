/** Whether a person may be sent to a destination that is used for stated purposes. Pure. */
import type { DestinationDocument, WorkspaceDocument } from '@tributary/configuration'
import { type ProfileView, readView } from './profileView.ts'

/** The first purpose that is not consented to; undefined when all are. */
export function missingConsent(
  destination: DestinationDocument,
  workspace: WorkspaceDocument,
  view: ProfileView | undefined,
): string | undefined {
  // Who never said is taken as the workspace says; without any rule, as a refusal.
  const unknown = workspace.consent?.whenUnknown === 'allow'
  return destination.purposes?.find((purpose) => {
    const given = view ? readView(view, `consent.${purpose}`) : null
    return given === null ? !unknown : given !== true
  })
}
