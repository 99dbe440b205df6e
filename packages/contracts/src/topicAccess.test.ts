import { expect, test } from '@jest/globals'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { topicAccess, serviceUsers } from './topicAccess.ts'

const services = join(import.meta.dirname, '..', '..', '..', 'services')

/** `topics.x` in a service's own sources, tests aside. */
function namedIn(service: string): string[] {
  const files = readdirSync(join(services, service, 'src'), { recursive: true, encoding: 'utf8' })
  const sources = files.filter((file) => file.endsWith('.ts') && !/(\.test\.ts$|(^|\/)testing\/)/.test(file))
  const found = sources.flatMap((file) => [
    ...readFileSync(join(services, service, 'src', file), 'utf8').matchAll(/\btopics\.(\w+)\b/g),
  ])
  return [...new Set(found.map((match) => match[1]!))].filter(
    (name) => !/^(push|map|includes|length)$/.test(name),
  )
}

test.each(serviceUsers)('%s may use exactly the topics that its sources name', (service) => {
  const { reads, writes } = topicAccess[service]
  expect(namedIn(service).sort()).toEqual([...new Set([...reads, ...writes])].sort())
})

test('what a service writes as its own state it may also read', () => {
  for (const { reads, writes } of Object.values(topicAccess))
    for (const key of writes.filter((each) => /state|fragments|seen/i.test(each)))
      expect(reads).toContain(key)
})
