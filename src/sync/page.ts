export interface PageEvents {
  /** The page goes away, for good or into the back/forward cache. */
  onLeave(): void
  /** It is back from there. */
  onReturn(): void
  /** Nobody sees the page any more. */
  onHidden(): void
  onFreeze(): void
  onThaw(): void
}

/** Tells of what happens to the page, where there is one; returns what ends it. */
export function listenToPage(events: PageEvents): () => void {
  if (typeof window === 'undefined' || typeof window.addEventListener !== 'function')
    return () => {}
  const end = new AbortController()
  const { signal } = end
  window.addEventListener('pagehide', () => events.onLeave(), { signal })
  const onShow = ({ persisted }: PageTransitionEvent) => {
    if (persisted) events.onReturn()
  }
  window.addEventListener('pageshow', onShow, { signal })
  const onVisibility = () => {
    if (document.visibilityState === 'hidden') events.onHidden()
  }
  document.addEventListener('visibilitychange', onVisibility, { signal })
  document.addEventListener('freeze', () => events.onFreeze(), { signal })
  document.addEventListener('resume', () => events.onThaw(), { signal })
  return () => end.abort()
}
