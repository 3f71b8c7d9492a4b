/** Within so many pixels of an end, it is reached. */
const NEAR = 24
/** Within so many pixels of an end, more is fetched there. */
const AHEAD = 400

export interface ScrollOptions {
  readonly scroller: HTMLElement
  readonly list: HTMLElement
  /** Whether there is nothing newer than what the list ends with. */
  isEnd(): boolean
  onOlderWanted(): void
  onNewerWanted(): void
  onChange(): void
}

/** Where the list is scrolled to: it stays at its end, or what is in sight stays where it is. */
export class Scroll {
  readonly #options: ScrollOptions
  #isFollowing = true
  #top = 0

  constructor(options: ScrollOptions) {
    this.#options = options
    const { scroller, list } = options
    scroller.addEventListener('scroll', () => this.#onScroll(), { passive: true })
    const observer = new ResizeObserver(() => this.#onResize())
    observer.observe(scroller)
    observer.observe(list)
  }

  /** The end is in sight, and is to stay there. */
  get isFollowing(): boolean {
    return this.#isFollowing && this.#options.isEnd()
  }

  /** Changes what the list holds. */
  keep(change: () => void): void {
    const { scroller, list } = this.#options
    const isFollowing = this.isFollowing
    const top = scroller.scrollTop
    const inSight = ([...list.children] as HTMLElement[])
      .filter(({ offsetTop, offsetHeight }) => {
        return offsetTop + offsetHeight > top && offsetTop < top + scroller.clientHeight
      })
      .map(child => ({ child, at: child.offsetTop - top }))
    change()
    if (isFollowing && this.isFollowing) this.toEnd()
    else {
      const kept = inSight.find(({ child }) => child.isConnected)
      if (kept) this.#scrollTo(kept.child.offsetTop - kept.at)
    }
  }

  toEnd(): void {
    this.#isFollowing = true
    this.#scrollTo(this.#options.scroller.scrollHeight)
  }

  /** Shows an element of the list in the upper part. */
  toElement(element: HTMLElement): void {
    const { scroller } = this.#options
    this.#isFollowing = false
    this.#scrollTo(element.offsetTop - scroller.clientHeight / 4)
    this.#isFollowing = this.#isAtEnd
  }

  /** Asks for more where an end of the list is near. */
  fetch(): void {
    const { scroller, isEnd, onOlderWanted, onNewerWanted } = this.#options
    if (scroller.clientHeight === 0) return
    const below = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight
    if (scroller.scrollTop < AHEAD) onOlderWanted()
    else if (below < AHEAD && !isEnd()) onNewerWanted()
  }

  get #isAtEnd(): boolean {
    const { scroller } = this.#options
    return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR
  }

  #scrollTo(top: number): void {
    const { scroller } = this.#options
    if (Math.abs(scroller.scrollTop - top) >= 1) scroller.scrollTop = top
    this.#top = scroller.scrollTop
  }

  #onScroll(): void {
    const { scroller, onChange } = this.#options
    const wasFollowing = this.isFollowing
    // What is added at the end does not mean that somebody left it.
    if (this.#isAtEnd) this.#isFollowing = true
    else if (scroller.scrollTop < this.#top - 1) this.#isFollowing = false
    this.#top = scroller.scrollTop
    this.fetch()
    if (wasFollowing !== this.isFollowing) onChange()
  }

  #onResize(): void {
    if (this.isFollowing) this.toEnd()
    this.fetch()
  }
}
