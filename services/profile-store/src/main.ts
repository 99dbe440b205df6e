import { runService } from '@tributary/service-kit'
import { settings } from './config.ts'
import { startService } from './startService.ts'

await runService({ name: 'profile-store', settings, start: startService })
