/** A small whole service, run as a process by the tests of runService. */
import { integer } from '../settings.ts'
import { defineSettings, runService, serviceSettings } from '../index.ts'

const spec = defineSettings({
  ...serviceSettings,
  STOP_TAKES_MS: integer({ about: 'how long the stop takes', unit: 'ms', default: 0 }),
  START_TAKES_MS: integer({ about: 'how long the start takes', unit: 'ms', default: 0 }),
  BREAKS_WITH: integer({ about: 'which way it breaks after the start; 0 = not', default: 0 }),
})

await runService({
  name: 'example',
  settings: spec,
  async start(service) {
    const { settings } = service
    service.health.setReady('example', true)
    const alive = setInterval(() => undefined, 1_000)
    service.onStop('first started', () => {
      clearInterval(alive)
      service.logger.info('first started is stopped')
    })
    service.onStop('last started', async () => {
      await new Promise((resolve) => setTimeout(resolve, settings.STOP_TAKES_MS))
      service.logger.info('last started is stopped')
    })
    await new Promise((resolve) => setTimeout(resolve, settings.START_TAKES_MS))
    if (settings.BREAKS_WITH === 1) void Promise.reject(new Error('nobody caught this rejection'))
    if (settings.BREAKS_WITH === 2) {
      setTimeout(() => {
        throw new Error('nobody caught this exception')
      }, 1)
    }
    if (settings.BREAKS_WITH === 3) throw new Error('the broker cannot be reached')
    return { http: 1234 }
  },
})
