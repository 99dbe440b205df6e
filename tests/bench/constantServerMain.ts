/** A constant server as a process of its own; its answer, in base64, is the argument. Prints its port. */
import { startConstantServer } from './constantServer.ts'

const { port } = await startConstantServer(Buffer.from(process.argv[2] ?? '', 'base64'))
process.stdout.write(`${port}\n`)
// Ends with whoever started it.
process.stdin.resume().on('end', () => process.exit(0))
