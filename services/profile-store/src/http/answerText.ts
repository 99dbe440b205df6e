/** Answers as JSON text. What is JSON text already goes in as it is: parsing would change numbers. */
import {
  type GetProfileResponse,
  type ListEventsResponse,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_service'

export function profileText({ profile, behind }: GetProfileResponse): string {
  const exact = profile && {
    events: profile.events,
    firstSeen: profile.firstSeen?.toISOString(),
    lastSeen: profile.lastSeen?.toISOString(),
  }
  return `{"profile":${profile?.json ?? 'null'},"now":${JSON.stringify(exact ?? null)},"behind":${JSON.stringify(behind)}}`
}

export function eventsText({ events, nextPageToken }: ListEventsResponse): string {
  const texts = events.map(({ json, time, received, ...event }) => {
    const head = JSON.stringify({ ...event, time: time?.toISOString(), received: received?.toISOString() })
    return `${head.slice(0, -1)},"event":${jsonText(json)}}`
  })
  return `{"events":[${texts.join(',')}],"nextPageToken":${JSON.stringify(nextPageToken)}}`
}

/** The log has canonical JSON where what was received was none; this holds even if it had not. */
function jsonText(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString()
  try {
    JSON.parse(text)
    return text
  } catch {
    return 'null'
  }
}
