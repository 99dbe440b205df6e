/** What the parts of the player share. */
import type { WebhookReceiver } from '../../demo/webhookReceiver.ts'

export interface PlayerWorld {
  /** As the ConfigMap `tributary` has them. */
  settings: Record<string, string>
  receiver: WebhookReceiver
  writeKeys: Record<string, string>
  receiptTopic: string
  grpcTokenFile: string
  say: (line: string) => void
}
