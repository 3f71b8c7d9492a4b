import type { StandardSchemaV1 } from '@standard-schema/spec'
import { ConversationsError } from '../base/errors.ts'
import { type JSONValue, toJson } from '../base/json.ts'

/**
 * What will be written for attributes that an app gave: checked by its own schema, if there is one, and as JSON.
 *
 * @throws {ConversationsError} `invalid-argument`, `too-large`
 */
export function checkAttributes(
  value: unknown,
  schema: StandardSchemaV1 | undefined,
  maxBytes: number,
): JSONValue {
  return toJson(schema ? validate(value, schema) : value, 'attributes', maxBytes)
}

function validate(value: unknown, schema: StandardSchemaV1): unknown {
  const result = callSchema(value, schema)
  if (result instanceof Promise) {
    result.catch(() => {})
    throw new ConversationsError(
      'invalid-argument',
      'The schema of the attributes must check synchronously: writes are applied at once',
    )
  }
  if (!result?.issues) return result?.value
  const issues = result.issues.map(({ message, path }) => {
    const keys = path?.map(part => String(typeof part === 'object' ? part.key : part)).join('.')
    return keys ? `${keys}: ${message}` : message
  })
  throw new ConversationsError(
    'invalid-argument',
    `The attributes do not fit their schema: ${issues.join('; ')}`,
    { cause: result.issues },
  )
}

function callSchema(value: unknown, schema: StandardSchemaV1) {
  try {
    return schema['~standard'].validate(value)
  } catch (cause) {
    throw new ConversationsError(
      'invalid-argument',
      'The schema of the attributes failed to check',
      {
        cause,
      },
    )
  }
}
