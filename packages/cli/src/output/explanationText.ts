import type {
  ConditionResult,
  ExplainMembershipResponse,
} from '@tributary/contracts/generated/tributary/audience/v1/audience_service'
import type { Paint } from './paint.ts'
import { table } from './table.ts'
import { timeText } from './time.ts'

/** Why somebody is in an audience or is not: the sentence, then the tree with what each condition saw. */
export function explanationText(
  audience: string,
  who: string,
  answer: ExplainMembershipResponse,
  paint: Paint,
): string {
  const { member, since, asOf, profileId, version, disabled, condition } = answer
  const whenText = since
    ? `, ${member ? 'since' : 'left'} ${timeText(since.getTime())}`
    : member
      ? ''
      : ', and never was'
  return [
    `${who} is ${member ? 'in' : 'not in'} the audience ${audience}${whenText}`,
    ...(disabled
      ? ['the audience is disabled: nobody enters or leaves it, whatever the conditions say']
      : []),
    `profile ${profileId}, version ${version}, windows as of ${timeText(asOf?.getTime())}`,
    '',
    table(condition ? rowsOf(condition, 0, paint) : []),
  ].join('\n')
}

const groups: Readonly<Record<string, string>> = { all: 'all of', any: 'any of', not: 'not' }

function rowsOf(result: ConditionResult, depth: number, paint: Paint): string[][] {
  const { holds, kind, text, valueJson, conditions } = result
  const mark = holds ? paint.green('yes') : paint.red('no')
  const indent = '  '.repeat(depth)
  if (kind !== 'leaf')
    return [
      [mark, `${indent}${groups[kind] ?? kind}`],
      ...conditions.flatMap((each) => rowsOf(each, depth + 1, paint)),
    ]
  return [[mark, `${indent}${text}`, valueJson === 'null' ? 'no value' : valueJson]]
}
