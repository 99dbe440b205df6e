import {
  type JsonObject,
  type MapRecord,
  type PreparedMapping,
  isJsonObject,
  setOwn,
} from '@tributary/domain'

/** A webhook's delivery, without its body. */
export interface Delivery {
  readonly id: string
  /** When it was sent, as the sender says. */
  readonly time: string | number | undefined
  /** What is known of it beside the body; a mapping reads it as `__topic` and so on. */
  readonly about: JsonObject
}

/** The source's mapping over a delivery: what is known of it beside the body, its id and its time. */
export function deliveryMapping(mapping: PreparedMapping, delivery: Delivery): PreparedMapping {
  const map: MapRecord = (record) => {
    if (!isJsonObject(record)) return { problem: 'the body of a delivery is a JSON object' }
    const whole: JsonObject = { __id: delivery.id, ...delivery.about }
    for (const [name, value] of Object.entries(record)) setOwn(whole, name, value)
    const mapped = mapping.map(whole)
    if ('problem' in mapped) return mapped
    mapped.event['messageId'] ??= delivery.id
    if (delivery.time !== undefined) mapped.event['timestamp'] ??= delivery.time
    return mapped
  }
  return { ...mapping, map }
}
