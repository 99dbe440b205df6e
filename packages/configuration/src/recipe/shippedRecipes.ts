/**
 * Recipes that come with Tributary, as their services document the requests. Each was tested against the documented
 * shape of the request and no live account.
 *
 * Values that a service wants hashed are made plain first: trimmed, in lower case, digits alone for a telephone number.
 */
import { type Recipe } from './recipe.ts'

const text = (description: string, value?: string) => ({
  description,
  ...(value !== undefined && { default: value }),
})

/** Hash of an e-mail address or of an id; of nothing it cannot be worked out, so the entry is left out. */
const hashed = (place: string) => `{{ [sha256(${place}.trim().lowerAscii())] }}`

const bearer = { authorization: 'Bearer {{ secret.token }}' }

/** Incoming webhook: one message a second and channel is what Slack takes. */
const slack: Recipe = {
  url: '{{ secret.url }}',
  item: { text: '{{ item.data.text }}' },
  body: '{{ items[0] }}',
  secrets: ['url'],
}

/** Contacts, created or updated by one property; a part that fails is found by halves. */
const hubspotContacts: Recipe = {
  url: '{{ param.base }}/crm/objects/2026-03/contacts/batch/upsert',
  headers: bearer,
  item: {
    idProperty: '{{ param.idProperty }}',
    id: '{{ item.data[param.idProperty] }}',
    properties: '{{ item.data }}',
  },
  body: { inputs: '{{ items }}' },
  batch: 100,
  params: {
    base: text('Address of the API.', 'https://api.hubapi.com'),
    idProperty: text('The property that names a contact; one of the fields of the sync.', 'email'),
  },
  secrets: ['token'],
  answers: [{ status: 207, verdict: 'item' }],
}

/** Attributes of users; `external_id` or another id of Braze is a field of the sync. */
const brazeUsersTrack: Recipe = {
  url: '{{ param.base }}/users/track',
  headers: bearer,
  item: '{{ item.data }}',
  body: { attributes: '{{ items }}' },
  batch: 75,
  params: { base: text('Address of your instance, for example https://rest.iad-01.braze.com.') },
  secrets: ['token'],
}

/** Server events; `event_name` is a field of the sync, and of people `email`, `phone`, `external_id`. */
const metaConversions: Recipe = {
  url: '{{ param.base }}/{{ param.version }}/{{ param.dataset }}/events',
  query: { access_token: '{{ secret.token }}' },
  item: {
    event_name: '{{ item.data.event_name }}',
    event_time: '{{ epochSeconds(item.time) }}',
    event_id: '{{ item.id }}',
    action_source: '{{ param.actionSource }}',
    user_data: {
      'em?': hashed('item.data.email'),
      'ph?': '{{ [sha256(digits(item.data.phone))] }}',
      'external_id?': hashed('item.data.external_id'),
    },
    'custom_data?': '{{ item.data.custom_data }}',
  },
  body: { data: '{{ items }}' },
  batch: 100,
  params: {
    base: text('Address of the API.', 'https://graph.facebook.com'),
    version: text('Version of the API, for example v24.0.'),
    dataset: text('Id of the dataset (pixel).'),
    actionSource: text('Where the events happened.', 'system_generated'),
  },
  secrets: ['token'],
}

const googleMember = {
  userData: {
    userIdentifiers: [{ emailAddress: '{{ sha256(item.data.email.trim().lowerAscii()) }}' }],
  },
}
const googleBody = {
  destinations: [
    {
      operatingAccount: { accountType: '{{ param.accountType }}', accountId: '{{ param.accountId }}' },
      productDestinationId: '{{ param.audienceId }}',
    },
  ],
  audienceMembers: '{{ items }}',
  encoding: 'HEX',
}
const googleParams = {
  base: text('Address of the API.', 'https://datamanager.googleapis.com'),
  accountType: text('Kind of the account.', 'GOOGLE_ADS'),
  accountId: text('Id of the account that has the audience.'),
  audienceId: text('Id of the audience.'),
}

/** Members of a customer-match audience, by e-mail; the token is one of OAuth and lives an hour: keep its file fresh. */
const googleAudienceAdd: Recipe = {
  url: '{{ param.base }}/v1/audienceMembers:ingest',
  headers: bearer,
  item: googleMember,
  body: {
    ...googleBody,
    consent: { adUserData: 'CONSENT_GRANTED', adPersonalization: 'CONSENT_GRANTED' },
    termsOfService: { customerMatchTermsOfServiceStatus: 'ACCEPTED' },
  },
  batch: 1_000,
  params: googleParams,
  secrets: ['token'],
}

/** Takes members out again: for a sync with `on: [left]`. */
const googleAudienceRemove: Recipe = {
  url: '{{ param.base }}/v1/audienceMembers:remove',
  headers: bearer,
  item: googleMember,
  body: googleBody,
  batch: 1_000,
  params: googleParams,
  secrets: ['token'],
}

/** One event of one client; `client_id` and `name` are fields of the sync. It answers 2xx to anything. */
const ga4: Recipe = {
  url: '{{ param.base }}/mp/collect',
  query: { measurement_id: '{{ param.measurementId }}', api_secret: '{{ secret.apiSecret }}' },
  item: {
    client_id: '{{ item.data.client_id }}',
    'user_id?': '{{ item.data.user_id }}',
    timestamp_micros: '{{ epochMillis(item.time) * 1000 }}',
    events: [{ name: '{{ item.data.name }}', 'params?': '{{ item.data.params }}' }],
  },
  body: '{{ items[0] }}',
  params: {
    base: text('Address of the API.', 'https://www.google-analytics.com'),
    measurementId: text('Id of the data stream, G-….'),
  },
  secrets: ['apiSecret'],
}

export const shippedRecipes: ReadonlyMap<string, Recipe> = new Map([
  ['slack', slack],
  ['hubspot_contacts', hubspotContacts],
  ['braze_users_track', brazeUsersTrack],
  ['meta_conversions', metaConversions],
  ['google_audience_add', googleAudienceAdd],
  ['google_audience_remove', googleAudienceRemove],
  ['ga4_measurement_protocol', ga4],
])
