/** The workspace of a rebuild check, as text: with the rules it begins with, or with those it is rebuilt under. */

/** `customers`: topic of the shop's customer table. `changed`: everything that can move an anchor is another. */
export function documentsOf(customers: string, changed: boolean): string {
  const types = changed
    ? [
        '{ type: email, maxPerProfile: 5, sharedAfter: 3 }',
        '{ type: user_id, strength: strong }',
        '{ type: phone, maxPerProfile: 2 }',
        '{ type: anonymous_id, maxPerProfile: 50, sharedAfter: 3 }',
      ]
    : [
        '{ type: user_id, strength: strong }',
        '{ type: email, normalise: trim, maxPerProfile: 5, sharedAfter: 3 }',
        '{ type: anonymous_id, maxPerProfile: 50, sharedAfter: 3 }',
      ]
  return `kind: Workspace
schema: tributary/v1
id: rebuild
timeZone: UTC
${changed ? 'region: FR\n' : ''}---
kind: Identity
id: default
types:
${types.map((each) => `  - ${each}\n`).join('')}${changed ? 'placeholders: { values: [device-2-1] }\n' : ''}---
kind: Source
id: web
http:
  keys: [{ kind: secret, file: web-key }]
---
kind: Source
id: customers
kafka: { topic: ${customers}, format: debezium, onDelete: erase }
map:
  type: { const: identify }
  identifiers: { user_id: id, email: email }
  traits: { first_name: first_name }
---
kind: Trait
id: orders
count: { event: Order Completed }
---
kind: Trait
id: spend
sum: { event: Order Completed, path: properties.total }
---
kind: Audience
id: buyers
where: { trait: orders, gte: 2 }
`
}
