import { clickhouseSettings, defineSettings, kafkaSettings, serviceSettings } from '@tributary/service-kit'

/** Only what all services share: caps and windows of profiles are promises, the same on every installation. */
export const settings = defineSettings({ ...serviceSettings, ...kafkaSettings, ...clickhouseSettings })
