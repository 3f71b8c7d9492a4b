import { ConversationsError } from '../base/errors.ts'
import { pageOf } from '../schema/messages/ids.ts'
import type { MessageEntry } from '../schema/messages/message-entry.ts'
import type { MessageList } from '../schema/messages/message-list.ts'
import type { Message } from './message.ts'
import type { MessagePages } from './message-pages.ts'
import { type Paginator, paginator } from './paginator.ts'

/** Reads messages in portions, opening pages of the log as they are needed. */
export class MessageReader {
  readonly #list: MessageList
  readonly #pages: MessagePages
  readonly #view: (entry: MessageEntry) => Message

  constructor(list: MessageList, pages: MessagePages, view: (entry: MessageEntry) => Message) {
    this.#list = list
    this.#pages = pages
    this.#view = view
  }

  /** So many messages up to an index. Those whose page is not on this device, and cannot be had now, end it. */
  async upTo(index: number, limit: number): Promise<Paginator<Message>> {
    const last = Math.min(index, this.#list.length - 1)
    const { entries, end } = await this.#read(last, -1, limit)
    return this.#paginate(entries.reverse(), end, last + 1, limit)
  }

  /** So many messages from an index on. */
  async from(index: number, limit: number): Promise<Paginator<Message>> {
    const { entries, end } = await this.#read(index, 1, limit)
    return this.#paginate(entries, index - 1, end, limit)
  }

  /** @param before greatest index that is older; `after` is the smallest that is newer */
  #paginate(entries: MessageEntry[], before: number, after: number, limit: number) {
    const older = this.#skipRemoved(before, -1)
    const newer = this.#skipRemoved(after, 1)
    return paginator(
      entries.map(this.#view),
      older >= 0 && this.#list.length > 0
        ? () => some(this.upTo(older, limit), 'hasPrevPage')
        : undefined,
      newer < this.#list.length ? () => some(this.from(newer, limit), 'hasNextPage') : undefined,
    )
  }

  /** As far as that is known without looking at other pages of the log. */
  #skipRemoved(from: number, step: 1 | -1): number {
    let index = from
    while (this.#list.at(index)?.content === null) index += step
    return index
  }

  async #read(from: number, step: 1 | -1, limit: number) {
    const entries: MessageEntry[] = []
    let index = from
    while (entries.length < limit && index >= 0 && index < this.#list.length) {
      const entry = this.#list.at(index) ?? (await this.#fetch(index))
      if (!entry) {
        const beyond = this.#list.beyondGap(index, step)
        if (beyond === undefined) break
        index = beyond
        continue
      }
      // Removed ones have an index still.
      if (entry.content) entries.push(entry)
      index += step
    }
    return { entries, end: index }
  }

  async #fetch(index: number): Promise<MessageEntry | undefined> {
    if (index < this.#list.count) await this.#pages.fill(pageOf(index), index)
    return this.#list.at(index)
  }
}

/** Who goes on until there are no more would never end otherwise. */
async function some(
  page: Promise<Paginator<Message>>,
  hasMore: 'hasPrevPage' | 'hasNextPage',
): Promise<Paginator<Message>> {
  const { items, [hasMore]: isCutOff } = await page
  if (items.length > 0 || !isCutOff) return page
  throw new ConversationsError(
    'transport',
    'These messages are not on this device, and cannot be had now; try again when it is connected',
  )
}
