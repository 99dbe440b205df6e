import { clickhouseSettings, defineSettings, kafkaSettings, serviceSettings } from '@tributary/service-kit'

/** Only what all services share: the rules of identity are the workspace's, not the process's. */
export const settings = defineSettings({ ...serviceSettings, ...kafkaSettings, ...clickhouseSettings })
