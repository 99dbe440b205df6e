import { expect, test } from '@jest/globals'
import { createMetrics } from '@tributary/service-kit'
import { createRecordingLogger } from '@tributary/service-kit/testing'
import { createDispatchObserver } from './dispatchObserver.ts'

const NAME = 'tributary_activation_end_to_end_freshness_seconds'

test('how old a delivery is counts from the receipt of its oldest event, where an event caused it', async () => {
  const metrics = createMetrics('activation')
  const observer = createDispatchObserver(metrics, createRecordingLogger().logger)
  observer.answered('crm', { kind: 'accepted' }, { tookMs: 5, sinceChangeMs: 300, sinceReceiptMs: 700 })
  observer.answered('crm', { kind: 'accepted' }, { tookMs: 5, sinceChangeMs: 300, sinceReceiptMs: undefined })
  const failed = { kind: 'status', status: 503 } as const
  observer.answered('crm', failed, { tookMs: 5, sinceChangeMs: 300, sinceReceiptMs: 700 })
  const text = await metrics.text()
  expect(text).toContain(`${NAME}_count{destination="crm"} 1`)
  expect(text).toContain(`${NAME}_sum{destination="crm"} 0.7`)
  expect(text).toContain('tributary_activation_delivery_freshness_seconds_count{destination="crm"} 2')
})

test('one try is one count by what came of it', async () => {
  const metrics = createMetrics('activation')
  const observer = createDispatchObserver(metrics, createRecordingLogger().logger)
  const times = { tookMs: 1, sinceChangeMs: 1, sinceReceiptMs: undefined }
  observer.answered('crm', { kind: 'status', status: 503 }, times)
  observer.answered('crm', { kind: 'status', status: 503 }, times)
  observer.answered('crm', { kind: 'failure', code: 'TIMEOUT', message: 'no answer' }, times)
  const text = await metrics.text()
  const tries = 'tributary_activation_delivery_tries_total'
  expect(text).toContain(`${tries}{destination="crm",verdict="retry",code="HTTP_503"} 2`)
  expect(text).toContain(`${tries}{destination="crm",verdict="retry",code="TIMEOUT"} 1`)
})
