import { advance, lastReadIndex, type Reach } from '../schema/horizon.ts'
import { PAGE_SIZE, pageOf } from '../schema/messages/ids.ts'
import type { MessageEntry } from '../schema/messages/message-entry.ts'
import type { MessageList } from '../schema/messages/message-list.ts'
import type { OutboxDocument } from '../schema/messages/outbox-document.ts'
import { fold, isRead, reachOf } from '../schema/messages/reading.ts'
import { countUnread, isUnreadBy, lowestEpoch, othersUpTo } from '../schema/messages/unread.ts'
import type { ParticipantEntry } from '../schema/participant-entry.ts'
import type { MessagePages } from './message-pages.ts'

/** To count what is behind the horizon, so many pages are opened at most. */
const MAX_COUNTED_PAGES = 10

export interface ReadingOptions {
  readonly outbox: OutboxDocument
  readonly list: MessageList
  readonly pages: MessagePages
  /** The own participant, who need not be there. */
  me(): ParticipantEntry
  /** Puts another form of the own horizon in its place, to be written soon. */
  replaceHorizon(horizon: ParticipantEntry['horizon']): void
  onCounted(): void
}

/** What the user of this device has read, and how much there is to read. */
export class Reading {
  readonly #options: ReadingOptions
  #unreadCount = 0
  /** What the count is made of is being looked for. */
  #search: Promise<void> | undefined

  constructor(options: ReadingOptions) {
    this.#options = options
  }

  get unreadCount(): number {
    return this.#unreadCount
  }

  /** Whether a horizon was set, and not taken back to nothing. */
  get hasHorizon(): boolean {
    return this.#options.me().horizon.live.some(({ index, tail }) => index >= 0 || tail)
  }

  isRead(message: MessageEntry): boolean {
    const { key, horizon } = this.#options.me()
    return message.author === key || isRead(horizon, message)
  }

  /** Resolves when the count is exact, or cannot be made so. */
  async whenCounted(): Promise<void> {
    await this.#search
  }

  /** Counts anew. Call it after anything has changed, before anybody is told. */
  count(): void {
    if (this.#options.list.isHeld) return
    const count = this.#count()
    this.#unreadCount = count ?? this.#mostThereMayBe
    if (count === undefined) this.#search ??= this.#findCount()
  }

  /** As `count`, where nothing happened but that these were added to the pending ones. */
  add(added: readonly MessageEntry[]): void {
    const { key, horizon, isPresent } = this.#options.me()
    if (!isPresent) return
    this.#unreadCount += added.filter(message => isUnreadBy(message, horizon, key)).length
  }

  /**
   * How far somebody has read who has read up to an index. Never beyond what is there: it would swallow what comes. But
   * an app may keep its messages elsewhere, and number them as it likes.
   */
  reachUpTo(index: number): Reach {
    const { list } = this.#options
    if (list.length === 0) return { index }
    // A message on its way to the log is shown with an index that may be that of another one there.
    const isShownPending = list.at(index)?.isFinal === false
    const isInLog = index < list.count && !isShownPending
    return this.#withOthers(isInLog ? { index } : reachOf(list.view(), index))
  }

  /** How far somebody has read who has read everything that is here. */
  reachOfAll(): Reach {
    const { list } = this.#options
    return this.#withOthers(reachOf(list.view(), list.length - 1))
  }

  #withOthers(reach: Reach): Reach {
    const { list, outbox, me } = this.#options
    const page = list.page(pageOf(Math.max(0, reach.index)))
    const others = othersUpTo(reach.index, me().key, outbox.authors(), page)
    return others === undefined || reach.index < 0 ? reach : { ...reach, others }
  }

  /** Whether to have read up to an index, and no further, is less than what was read. */
  isBack(index: number): boolean {
    const { list, me } = this.#options
    const { horizon, key } = me()
    if (index < (lastReadIndex(horizon) ?? -1)) return true
    // Some were read while they were pending, and others came in before them.
    const isTailed = horizon.live.some(({ tail }) => tail)
    const beyond = isTailed ? list.view().since(index + 1) : undefined
    const isBeyond = (message: MessageEntry) =>
      message.index > index && message.author !== key && isRead(horizon, message)
    return Boolean(beyond?.some(isBeyond)) || list.pending.some(isBeyond)
  }

  /** Takes what was read while it was pending for read in the log. Call it when everybody was told. */
  fold(): void {
    const { me, list, outbox, replaceHorizon } = this.#options
    const { horizon, key, isPresent } = me()
    if (!isPresent || !horizon.live.some(({ tail }) => tail)) return
    const folded = fold(horizon, list.view(), outbox.state, key)
    if (folded !== horizon) replaceHorizon(folded)
  }

  get #mostThereMayBe(): number {
    const { list, me } = this.#options
    return Math.max(0, list.length - 1 - (lastReadIndex(me().horizon) ?? -1))
  }

  #count(): number | undefined {
    const { me, outbox, list } = this.#options
    const { horizon, key, isPresent } = me()
    if (!isPresent) return 0
    return countUnread({
      horizon,
      reader: key,
      authors: outbox.authors(),
      state: outbox.state,
      removed: list.removed,
      view: list.view(),
    })
  }

  /** Looks at the page that the horizon is on, or else at all that follow. */
  async #findCount(): Promise<void> {
    const { me, list, pages, onCounted } = this.#options
    await this.#learnOthers()
    const first = pageOf((lastReadIndex(me().horizon) ?? -1) + 1)
    if (this.#count() === undefined && list.newestPage - first < MAX_COUNTED_PAGES) {
      for (let page = list.newestPage; page >= first; page--) {
        await pages.fill(page, Math.min(list.count, (page + 1) * PAGE_SIZE) - 1)
      }
    }
    this.#search = undefined
    const count = this.#count()
    if (count === undefined) return
    this.#unreadCount = count
    onCounted()
  }

  async #learnOthers(): Promise<void> {
    const { me, list, outbox, pages, replaceHorizon } = this.#options
    const { horizon, key } = me()
    const lowest = lowestEpoch(horizon)
    if (!lowest || lowest.index < 0 || lowest.index >= list.count) return
    const { document } = await pages.fill(pageOf(lowest.index), lowest.index)
    const others = othersUpTo(lowest.index, key, outbox.authors(), document)
    if (others === undefined || me().horizon !== horizon) return
    replaceHorizon(advance(horizon, { index: lowest.index, others }, horizon.time))
  }
}
