export interface BrowserEvents {
  onOnline(): void
  onOffline(): void
  /** The page is looked at. */
  onVisible(): void
}

/** Listens where there is a browser; the returned function stops. */
export function listenToBrowser({ onOnline, onOffline, onVisible }: BrowserEvents): () => void {
  if (typeof addEventListener !== 'function') return () => {}
  const controller = new AbortController()
  const { signal } = controller
  addEventListener('online', onOnline, { signal })
  addEventListener('offline', onOffline, { signal })
  addEventListener(
    'visibilitychange',
    () => {
      if (document.visibilityState === 'visible') onVisible()
    },
    { signal },
  )
  addEventListener(
    'pageshow',
    ({ persisted }) => {
      // Back from the back/forward cache, where sockets do not survive.
      if (persisted) onOnline()
    },
    { signal },
  )
  return () => controller.abort()
}
