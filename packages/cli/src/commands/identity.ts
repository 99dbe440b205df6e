import type { Command } from 'commander'
import {
  IdentityServiceClient,
  type ExplainRequest,
  type ExplainResponse,
  type ExplainStep,
} from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import type { Context, ExitCode } from '../context.ts'
import { questionsTo } from '../grpcCall.ts'
import { withJson } from '../options.ts'
import { createPaint } from '../output/paint.ts'
import { timeText } from '../output/time.ts'
import { identityFactCommands } from './identityFacts.ts'
import { identityQuestionCommands } from './identityQuestions.ts'
import { memberText, refOf } from './identityReference.ts'

interface Flags {
  readonly json?: true
  readonly address?: string
}

export function identityCommand(program: Command, context: Context, done: (code: ExitCode) => void): void {
  const identity = program.command('identity').description('who belongs to whom, and why')
  const command = identity
    .command('explain')
    .description('the evidence that joins two identifiers, or what keeps them apart')
    .argument('<a>', 'TYPE:VALUE, for example user_id:u1, or a profile id')
    .argument('<b>', 'the other one')
    .option('--address <host:port>', 'address of the identity-stitcher (or IDENTITY_STITCHER_GRPC)')
    .action(async (a: string, b: string, flags: Flags) => done(await explain(context, a, b, flags)))
  withJson(command)
  identityQuestionCommands(identity, context, done)
  identityFactCommands(identity, context, done)
}

const question = questionsTo('identity-stitcher', IdentityServiceClient)

async function explain(context: Context, a: string, b: string, flags: Flags): Promise<ExitCode> {
  const answer = await question<ExplainRequest, ExplainResponse>(
    context,
    flags,
    (client) => client.explain.bind(client),
    { a: refOf(a), b: refOf(b) },
  )
  context.out(flags.json ? JSON.stringify(answer, null, 2) : explanationText(a, b, answer, context.colour))
  return 0
}

function explanationText(a: string, b: string, answer: ExplainResponse, colour: boolean): string {
  const paint = createPaint(colour)
  const verdict = answer.together ? paint.green('together') : paint.yellow('apart')
  return [
    `${a} and ${b}: ${verdict}`,
    answer.summary,
    ...answer.steps.map((step, i) => `  ${i + 1}. ${stepText(step)}`),
  ]
    .filter((line) => line !== '')
    .join('\n')
}

function stepText(step: ExplainStep): string {
  const ends = [step.from, step.to].filter((member) => member !== undefined).map(memberText)
  const what = ends.length === 2 ? `${ends[0]} and ${ends[1]}` : (ends[0] ?? '')
  const where = [
    step.messageId === '' ? '' : `in message ${step.messageId}`,
    step.sourceId === '' ? '' : `from source ${step.sourceId}`,
    step.time === undefined ? '' : `at ${timeText(step.time.getTime())}`,
  ].filter((part) => part !== '')
  const parts = [`${step.kind}: ${what}`, where.join(' '), step.detail].filter((part) => part !== '')
  return parts.join(', ')
}
