import { expect, test } from '@jest/globals'
import { createMetrics } from './metrics.ts'

test('names follow tributary_<service>_<thing>_<unit>', async () => {
  const metrics = createMetrics('profile-store')
  metrics.counter('events_total', 'Events folded', ['partition']).inc({ partition: 3 })
  expect(await metrics.text()).toContain('tributary_profile_store_events_total{partition="3"} 1')
})

test.each(['events', 'Events_total', 'events-total', 'latency_ms'])(
  '"%s" is refused: no unit, or not in form',
  (name) => {
    expect(() => createMetrics('x').gauge(name, 'help')).toThrow(/must be lower case and end in its unit/)
  },
)

test('asking twice gives the same metric, so that tasks share it', async () => {
  const metrics = createMetrics('x')
  metrics.counter('a_total', 'A').inc()
  metrics.counter('a_total', 'A').inc()
  expect(await metrics.text()).toContain('tributary_x_a_total 2')
})

test('a label that nothing bounds is refused', () => {
  const metrics = createMetrics('x')
  expect(() => metrics.counter('a_total', 'A', ['message_id'])).toThrow(
    /label "message_id" of metric "a_total"/,
  )
})
