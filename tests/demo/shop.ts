/** The shop of examples/shop on a stack: the four services, its documents applied, and its CRM's webhook receiver. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { startServices, type Installation } from '../../deploy/local/src/launcher.ts'
import type { LocalStack } from '../../deploy/local/src/localStack.ts'
import { readSecret, secretFile, signingSecret } from '../../deploy/local/src/secretFiles.ts'
import type { Doors } from './playWeek.ts'
import { WebhookReceiver } from './webhookReceiver.ts'

const DOCUMENTS = join(import.meta.dirname, '..', '..', 'examples', 'shop')
/** The topic of the till receipts in examples/shop/sources.yaml. */
const RECEIPTS = 'retail.receipts'
/**
 * Every so many webhooks the CRM is busy (503, for a second): retries are part of any week. Activation then leaves the
 * whole destination alone for that second, so one in a few would be a week of waiting.
 */
const BUSY_EVERY = 400

export interface Shop {
  installation: Pick<Installation, 'settings' | 'secrets' | 'addresses' | 'tributary'>
  receiver: WebhookReceiver
  doors: Doors
  stop(): Promise<void>
}

/** One whose services are processes of this machine. */
export type LocalShop = Shop & { installation: Installation }

export interface ShopOptions {
  dataDir: string
  logsDir: string
  /** For the services and the command, over the launcher's own. */
  settings?: Record<string, string>
  log: (line: string) => void
}

export async function openShop(stack: LocalStack, options: ShopOptions): Promise<LocalShop> {
  const { dataDir, logsDir, settings = {}, log } = options
  // The launcher makes the secrets that documents name, but the receiver needs its own before they are applied.
  const secretPath = join(dataDir, 'secrets', 'documents', 'crm-webhook')
  await mkdir(join(dataDir, 'secrets', 'documents'), { recursive: true, mode: 0o700 })
  await secretFile(secretPath, signingSecret)
  const receiver = new WebhookReceiver(await readSecret(secretPath), BUSY_EVERY)
  const url = await receiver.start()
  try {
    const installation = await startServices(stack, {
      dataDir,
      logsDir,
      settings,
      documents: DOCUMENTS,
      applyArgs: ['--wait', '--set', `CRM_WEBHOOK_URL=${url}`],
      log,
    })
    const { writeKeys } = installation
    return {
      installation,
      receiver,
      doors: {
        http: installation.addresses().collector!.http,
        brokers: stack.kafka.brokers.split(','),
        receipts: RECEIPTS,
        writeKeys: {
          web: writeKeys['web']!,
          crm: writeKeys['crm']!,
          email: writeKeys['email']!,
          support: writeKeys['support']!,
        },
      },
      stop: async () => {
        await installation.stop()
        await receiver.stop()
      },
    }
  } catch (error) {
    await receiver.stop()
    throw error
  }
}
