import { ConversationsError } from '../../base/errors.ts'
import { wellFormed } from './well-formed.ts'

/*
 * `{<prefix>:<name up to its first slash>}<the rest of the name>:<kind>`. What is in braces decides where a key lies in
 * a Redis Cluster: all keys of a document, and all documents and leases of one conversation, lie together.
 */

/**
 * `h`ead: a hash of `seq`, `floor` (what the snapshot stands for) and `snapshot`; `u`pdates: a list of those
 * above the floor; `c`laims: a hash; `l`ease: a hash of `token` and `until`; `m`essages: a channel.
 */
export type KeyKind = 'h' | 'u' | 'c' | 'l' | 'm'

export class RedisKeys {
  readonly #prefix: string

  /** @throws ConversationsError `invalid-argument` */
  constructor(prefix: string) {
    if (/[{}]/.test(wellFormed(prefix))) {
      throw new ConversationsError(
        'invalid-argument',
        `The prefix ${JSON.stringify(prefix)} must have no braces: Redis Cluster gives them a meaning`,
      )
    }
    this.#prefix = prefix
  }

  of(name: string, kind: KeyKind): string {
    const slash = wellFormed(name).indexOf('/')
    const end = slash === -1 ? name.length : slash
    return `{${this.#prefix}:${name.slice(0, end)}}${name.slice(end)}:${kind}`
  }

  /** The document whose head this is. */
  nameOf(head: string): string {
    const inner = head.slice(`{${this.#prefix}:`.length, -':h'.length)
    const slash = inner.indexOf('/')
    const end = slash === -1 ? inner.length : slash
    return inner.slice(0, end - '}'.length) + inner.slice(end)
  }

  /** A pattern that matches the heads of all documents that begin so, and of some others. */
  pattern(namePrefix: string): string {
    const isWhole = namePrefix.includes('/')
    const key = isWhole ? this.of(namePrefix, 'h') : `{${this.#prefix}:${wellFormed(namePrefix)}:h`
    return `${key.slice(0, -':h'.length).replace(/[\\*?[\]^-]/g, '\\$&')}*:h`
  }
}
