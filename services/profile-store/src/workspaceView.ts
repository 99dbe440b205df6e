import { type ProcessConfiguration, type WorkspaceConfiguration } from '@tributary/configuration'
import { type HashIdentifier } from '@tributary/domain'
import { phoneToE164 } from '@tributary/service-kit'
import { type ConfigurationFeed } from '@tributary/stream-runtime'
import { type IdentifierReading } from './grpc/findProfile.ts'
import { type JobConfiguration, jobConfiguration } from './job/jobConfiguration.ts'
import { type ProfileConfiguration } from './profile/profileProcessor.ts'

/** What this service makes of a workspace: one thing for each who asks. */
export interface WorkspaceView {
  readonly profiles: ProfileConfiguration
  readonly jobs: JobConfiguration
  readonly reading: IdentifierReading
}

export function viewWorkspace(workspace: WorkspaceConfiguration, hash: HashIdentifier): WorkspaceView {
  const phone = (value: string) => phoneToE164(value, workspace.workspace.region)
  return {
    profiles: workspace,
    jobs: jobConfiguration(workspace, { hash, phone }),
    reading: { rules: workspace.identityRules, hash, phone },
  }
}

/** The part of each revision that one kind of task asks for. */
export function partOf<K extends keyof WorkspaceView>(
  feed: Pick<ProcessConfiguration<WorkspaceView>, 'current' | 'at' | 'onChange'>,
  part: K,
): ConfigurationFeed<WorkspaceView[K]> {
  type Held = NonNullable<ReturnType<typeof feed.current>>
  const of = ({ offset, revision, value }: Held) => ({ offset, revision, value: value[part] })
  return {
    current() {
      const held = feed.current()
      return held && of(held)
    },
    at(offset) {
      const held = feed.at(offset)
      return held && of(held)
    },
    onChange: (listener) => feed.onChange((held) => listener(of(held))),
  }
}
