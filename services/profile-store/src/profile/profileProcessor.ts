/**
 * The profile task: keeps the parts of the profiles of one partition, folds them, judges the audiences on the same
 * state, and publishes.
 *
 *  H1. One public change per batch and profile that changed something public, one more where definitions changed (H4);
 *      none for a profile that only was seen again. The task's own row has the exact count and times all the same.
 *  H2. Every change takes the next number of the partition; profiles, memberships and audience changes repeat it.
 *  H3. What is published is a function of the parts and of the definitions in force.
 *  H4. After a definition has changed every profile is judged anew, some in each batch, while events flow; the job
 *      task is answered when the last one has been. The record that changes it is the position of the switch: what was
 *      read before it is judged as before, and a profile that changes before its turn is judged as it was first. So
 *      what a definition changes and what an event changes are two changes, each with its own reason, never one.
 *  H5. A window that moves changes the profile on time, though nothing arrives (windows.ts).
 *  H6. An event that is erased is counted as that: what was folded is in a profile, or among the erased.
 *  H7. In a later layout epoch all of this happens in silence until it takes over (takeOver.ts).
 */
import { KEY_SEPARATOR, addTraces, parseProfileId, tracesOf } from '@tributary/contracts'
import { type Control, ControlStep } from '@tributary/contracts/generated/tributary/job/v1/control'
import { type Cause, type Part, PartRecord } from '@tributary/contracts/generated/tributary/profile/v1/part'
import { type WorkspaceConfiguration } from '@tributary/configuration'
import { type InputRecord, type Processor, type StepContext } from '@tributary/stream-runtime'
import { adopt, retire } from '../adoption.ts'
import { answered } from '../answered.ts'
import { type ChangedProfile, addPart, unchangedProfile } from './changedProfiles.ts'
import { type Definitions, inForceText, preferences, readDefinitions } from './definitions.ts'
import {
  counterRows,
  emptyCounters,
  partRows,
  preferRows,
  profileAdoption,
  profileRows,
  sweepRows,
} from './profileRows.ts'
import { type PublishInput, publishProfile } from './publishProfile.ts'
import { advanceSweep, beginSweep } from './sweep.ts'
import { keepPublished, takeOver } from './takeOver.ts'
import { dueProfiles, keepClock, readClock } from './windows.ts'

/** What a batch did, for metrics. */
export interface ProfileObservations {
  /** Events that reached a profile, with the time they were received. */
  readonly causes: Cause[]
  /** Types of the changes published. */
  readonly changes: string[]
  entered: number
  left: number
}

export type ProfileConfiguration = Pick<WorkspaceConfiguration, 'traits' | 'hashOf'>

export function createProfileProcessor(
  observe: (observations: ProfileObservations) => void,
): Processor<ProfileConfiguration> {
  let changed = new Map<string, ChangedProfile>()
  let observations = nothingObserved()
  let definitions: Definitions | undefined
  /** Time of the newest input of the batch, ms since 1970. */
  let nowMs = 0

  function takePart(context: StepContext, part: Part, { headers }: InputRecord): void {
    const { profileId, identifierId, identifierType, action } = part
    const parts = context.table(partRows)
    const key = `${profileId}${KEY_SEPARATOR}${identifierId}`
    definitions ??= readDefinitions(context)
    const before = definitions.audiences.length > 0 ? parts.get(key) : undefined
    let profile = changed.get(profileId)
    if (!profile) {
      judgeAsItWas(context, profileId)
      changed.set(profileId, (profile = unchangedProfile()))
    }
    if (action?.$case === 'put')
      parts.put(key, { identifierType, ...(action.value.fragment && { fragment: action.value.fragment }) })
    else if (action?.$case === 'removed') {
      parts.delete(key)
      countErased(context, action.value.events ?? 0)
    }
    addPart(profile, part, before, parseProfileId(profileId)?.identifierId === identifierId)
    addTraces(profile.traces, tracesOf(headers))
    observations.causes.push(...part.causes)
  }

  /** H4. */
  function judgeAsItWas(context: StepContext, profileId: string): void {
    if (!context.table(sweepRows).get('sweep')) return
    const row = context.table(profileRows).get(profileId)
    definitions ??= readDefinitions(context)
    if (row && row.publicJson !== '' && row.judgedUnder !== definitions.name)
      publish(context, profileId, unchangedProfile(), 'definition')
  }

  /** H4: everything that was read so far. */
  function publishChanged(context: StepContext): void {
    for (const [profileId, profile] of changed) publish(context, profileId, profile, 'parts')
    changed = new Map()
  }

  /** H4. */
  function takeControl(context: StepContext, control: Control, record: InputRecord): void {
    publishChanged(context)
    const before = inForceText(context)
    if (control.step === ControlStep.CONTROL_STEP_SWITCH) adopt(context, profileAdoption, control)
    else if (control.step === ControlStep.CONTROL_STEP_RETIRE) retire(context, profileAdoption, control)
    else if (control.step === ControlStep.CONTROL_STEP_TAKE_OVER) {
      if (takeOver(context, control.changes ?? 0)) beginSweep(context, { control, record })
      else context.send(answered(control, record))
      return
    } else return
    definitions = undefined
    if (inForceText(context) === before) context.send(answered(control, record))
    else beginSweep(context, { control, record })
  }

  /** `prefer` is live: no job, it holds from the batch that sees it. */
  function takeConfiguration(context: StepContext, { traits, hashOf }: ProfileConfiguration): void {
    const rows = context.table(preferRows)
    const prefer = preferences(traits, hashOf)
    if (JSON.stringify(prefer) === JSON.stringify(rows.get('prefer') ?? {})) return
    publishChanged(context)
    rows.put('prefer', prefer)
    definitions = undefined
    beginSweep(context)
  }

  function publish(
    context: StepContext,
    profileId: string,
    profile: ChangedProfile,
    occasion: PublishInput['occasion'],
  ): void {
    definitions ??= readDefinitions(context)
    nowMs = readClock(context, nowMs)
    if (definitions.windowed.size + definitions.activity.length > 0) keepClock(context, nowMs)
    publishProfile({ context, profileId, changed: profile, definitions, nowMs, occasion, observations })
  }

  return {
    step(context, input) {
      switch (input.kind) {
        case 'configuration':
          takeConfiguration(context, input.configuration.value)
          break
        case 'tick':
          nowMs = Math.max(nowMs, input.nowMs)
          break
        case 'record': {
          nowMs = Math.max(nowMs, input.record.timestampMs)
          if (input.record.value === null) break
          const read = PartRecord.decode(input.record.value).record
          if (read?.$case === 'part') takePart(context, read.value, input.record)
          else if (read?.$case === 'control') takeControl(context, read.value, input.record)
          else if (read?.$case === 'published') keepPublished(context, read.value)
          break
        }
        case 'injected':
          break
      }
    },
    endBatch(context) {
      nowMs = readClock(context, nowMs)
      const already = new Set(changed.keys())
      publishChanged(context)
      advanceSweep(context, (profileId) => {
        if (!already.has(profileId)) publish(context, profileId, unchangedProfile(), 'definition')
      })
      for (const profileId of dueProfiles(context, nowMs))
        publish(context, profileId, unchangedProfile(), 'time')
      observe(observations)
      observations = nothingObserved()
    },
  }
}

/** H6. */
function countErased(context: StepContext, events: number): void {
  if (events === 0) return
  const counters = context.table(counterRows)
  const now = counters.get('counters') ?? emptyCounters
  counters.put('counters', { ...now, erasedEvents: (now.erasedEvents ?? 0) + events })
}

function nothingObserved(): ProfileObservations {
  return { causes: [], changes: [], entered: 0, left: 0 }
}
