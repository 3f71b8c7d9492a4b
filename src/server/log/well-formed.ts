import { ConversationsError } from '../../base/errors.ts'

/**
 * Text as every engine can keep it and give it back.
 *
 * @throws ConversationsError `invalid-argument`
 */
export function wellFormed(text: string): string {
  if (/\p{Surrogate}/u.test(text)) {
    throw new ConversationsError(
      'invalid-argument',
      `${JSON.stringify(text)} has half of a surrogate pair: names, keys and owners must be well-formed Unicode`,
    )
  }
  return text
}
