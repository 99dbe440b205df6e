import { clickhouseSettings, defineSettings, kafkaSettings, serviceSettings } from '@tributary/service-kit'

/** Everything that can be set for this service: only what all services share. What differs between destinations is in their documents. */
export const settings = defineSettings({ ...serviceSettings, ...kafkaSettings, ...clickhouseSettings })
