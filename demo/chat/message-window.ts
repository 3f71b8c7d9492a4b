import type { Message } from '../../src/index.ts'
import type { DemoConversation } from '../profile.ts'

const PAGE_SIZE = 40
/** So many messages have an element at most, however long the history is. */
const MAX_SIZE = 160

export interface MessageWindowOptions {
  readonly conversation: DemoConversation
  /** Whether the newest message is in sight: then the oldest ones make room. */
  isFollowing(): boolean
  onChange(): void
}

/** A part of the history that moves with what is in sight: portions are fetched at both ends, and let go. */
export class MessageWindow {
  readonly #options: MessageWindowOptions
  readonly #messages = new Set<Message>()
  #items: Message[] | undefined
  #arrived: Message[] = []
  #isLoading = false
  #isReadingOn = false
  hasOlder = true
  hasNewer = true
  /** What is older is neither on this device nor can it be had now. */
  isStuck = false

  constructor(options: MessageWindowOptions) {
    this.#options = options
    const { conversation } = options
    conversation.on('messageAdded', message => this.#add(message))
    conversation.on('messageRemoved', message => this.#remove(message))
    conversation.on('messageUpdated', ({ updateReasons }) => {
      if (updateReasons.includes('index')) this.#onMoved()
    })
    conversation.on('synced', isSynced => {
      if (isSynced) this.isStuck = false
    })
  }

  /** By index. */
  get items(): readonly Message[] {
    this.#items ??= this.#settle()
    return this.#items
  }

  get isLoading(): boolean {
    return this.#isLoading
  }

  /** The newest messages. */
  showEnd(): Promise<void> {
    return this.#load(async conversation => {
      const page = await conversation.getMessages(PAGE_SIZE)
      this.#replace(page.items, page.hasPrevPage, page.hasNextPage)
    })
  }

  /** Messages around an index. */
  showAround(index: number): Promise<void> {
    return this.#load(async conversation => {
      const [older, newer] = await Promise.all([
        index > 0 ? conversation.getMessages(PAGE_SIZE / 2, index - 1) : undefined,
        conversation.getMessages(PAGE_SIZE, index, 'forward'),
      ])
      const items = [...(older?.items ?? []), ...newer.items]
      this.#replace(items, older?.hasPrevPage ?? false, newer.hasNextPage)
    })
  }

  loadOlder(): Promise<void> {
    const [first] = this.items
    if (!this.hasOlder || !first || this.isStuck) return Promise.resolve()
    return this.#load(async conversation => {
      const page = await conversation.getMessages(PAGE_SIZE, Math.max(0, first.index - 1))
      const isFirst = first.index === 0
      this.hasOlder = !isFirst && page.hasPrevPage
      this.isStuck = this.hasOlder && page.items.length === 0
      if (!isFirst) this.#merge(page.items, 'newest')
    })
  }

  loadNewer(): Promise<void> {
    const last = this.items.at(-1)
    if (!this.hasNewer) return Promise.resolve()
    if (!last) return this.showEnd()
    return this.#load(async conversation => {
      const page = await conversation.getMessages(PAGE_SIZE, last.index + 1, 'forward')
      // Where nothing comes although something should, it is not to be had now.
      this.hasNewer = page.hasNextPage && page.items.length > 0
      this.#merge(page.items, 'oldest')
    })
  }

  async #load(read: (conversation: DemoConversation) => Promise<void>): Promise<void> {
    if (this.#isLoading) return
    this.#isLoading = true
    this.#options.onChange()
    try {
      await read(this.#options.conversation)
    } finally {
      this.#isLoading = false
      const arrived = this.#arrived
      this.#arrived = []
      for (const message of arrived) this.#add(message)
      this.#options.onChange()
    }
  }

  #replace(items: readonly Message[], hasOlder: boolean, hasNewer: boolean): void {
    this.#messages.clear()
    this.hasOlder = hasOlder
    this.hasNewer = hasNewer
    this.isStuck = false
    this.#merge(items, 'newest')
  }

  #merge(items: readonly Message[], dropped: 'oldest' | 'newest'): void {
    for (const message of items) this.#messages.add(message)
    this.#items = this.#settle(dropped)
  }

  #add(message: Message): void {
    if (this.#isLoading) this.#arrived.push(message)
    else if (!this.hasNewer) {
      this.#messages.add(message)
      this.#items = undefined
    }
  }

  #remove(message: Message): void {
    this.#messages.delete(message)
    this.#arrived = this.#arrived.filter(one => one !== message)
    this.#items = undefined
  }

  /** A pending message goes behind those that were given their final place before it. */
  #onMoved(): void {
    this.#items = undefined
    const [first] = this.#messages
    if (!this.hasNewer || !first || this.#isReadingOn) return
    this.#isReadingOn = true
    queueMicrotask(() => {
      this.#isReadingOn = false
      const [first] = this.items
      if (first) void this.showAround(first.index)
    })
  }

  #settle(dropped = this.#options.isFollowing() ? 'oldest' : 'newest'): Message[] {
    const items = [...this.#messages].sort((a, b) => a.index - b.index)
    const excess = items.length - MAX_SIZE
    if (excess <= 0) return items
    const isOldest = dropped === 'oldest'
    for (const message of isOldest ? items.splice(0, excess) : items.splice(MAX_SIZE)) {
      this.#messages.delete(message)
    }
    if (isOldest) this.hasOlder = true
    else this.hasNewer = true
    return items
  }
}
