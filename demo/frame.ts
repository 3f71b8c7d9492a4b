import type { SharedState } from './shared-state.ts'

/*
 * Between the page of one person and the page that shows both, which frames it.
 */

export type FrameMessage =
  | { type: 'opening' }
  | { type: 'state'; state: SharedState; isCut: boolean }
  | { type: 'height'; height: number }

export const isFramed = window.parent !== window

export function tellFrame(message: FrameMessage): void {
  if (isFramed) window.parent.postMessage(message, location.origin)
}

/** A frame that is as high as its page needs no scroll bar of its own. */
export function keepHeight(page: HTMLElement): void {
  if (!isFramed) return
  new ResizeObserver(() => {
    tellFrame({ type: 'height', height: Math.ceil(page.getBoundingClientRect().height) })
  }).observe(page)
}

export function onFrameMessage(
  frame: HTMLIFrameElement,
  listener: (message: FrameMessage) => void,
): void {
  addEventListener('message', ({ origin, source, data }) => {
    if (origin === location.origin && source === frame.contentWindow) listener(data)
  })
}
