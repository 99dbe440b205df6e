import { expect, test } from '@jest/globals'
import { createMetrics } from '@tributary/service-kit'
import { delivery } from '../testing/deliveries.ts'
import { createFakeTasks } from '../testing/fakeTasks.ts'
import { registerQueueMetrics } from './queueMetrics.ts'

test('the metric is the number that waits at the moment it is asked for, over all partitions', async () => {
  const tasks = createFakeTasks(4)
  const metrics = createMetrics('activation')
  registerQueueMetrics(metrics, tasks)
  for (let i = 0; i < 20; i++) tasks.arrive(delivery(`d${i}`, { profileId: `p${i}` }), 1)
  tasks.commit()
  for (let i = 0; i < 2; i++) {
    expect(await metrics.text()).toContain(
      'tributary_activation_deliveries_pending_records{destination="crm"} 20',
    )
  }
})
