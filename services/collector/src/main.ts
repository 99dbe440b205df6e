import { runService } from '@tributary/service-kit'
import { collectorSettings } from './settings.ts'
import { startCollector } from './startCollector.ts'

await runService({ name: 'collector', settings: collectorSettings, start: startCollector })
