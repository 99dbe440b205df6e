/** Where a guard can be taken away, without a flag in any product code: at the ports, and around the processors. */
import type { Topology } from '@tributary/stream-runtime'
import type { Sender } from '../../services/activation/src/delivery/dispatcher.ts'
import type { Coordinator } from './coordinator.ts'
import type { ProcessPorts } from './processPorts.ts'
import type { LogGuards } from './simulatedLog.ts'

export interface Switches {
  readonly log?: Partial<LogGuards>
  readonly ports?: (ports: ProcessPorts, coordinator: Coordinator) => ProcessPorts
  readonly topology?: <C, X>(topology: Topology<C, X>) => Topology<C, X>
  readonly sender?: (sender: Sender) => Sender
}
