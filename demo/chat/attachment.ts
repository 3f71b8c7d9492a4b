import type { Media } from '../../src/index.ts'
import { button, element } from '../ui/element.ts'
import type { Run } from '../ui/section.ts'

const MAX_DELAY_MS = 30_000

/** A file of a message: an image is shown, anything else can be saved. */
export function attachment(media: Media, run: Run) {
  const { contentType, size } = media
  const name = media.filename ?? 'file'
  const isImage = /^image\/(?!svg)/.test(contentType)
  const save = button(`${name} · ${formatSize(size)}`, () => run(download(media, name)), {
    class: 'file',
    'aria-label': `Save ${name}`,
  })
  const shown = element('div', { class: 'attachment' }, isImage ? imageOf(media, name) : save)
  return { element: shown, revoke: () => media.revokeContentUrl() }
}

/** A message may be here before its file is: it is asked for until it comes. */
function imageOf(media: Media, name: string): HTMLElement {
  const frame = element('div', { class: 'image' }, waiting(name))
  let timer: number | undefined
  let delayMs = 500
  async function load(): Promise<void> {
    clearTimeout(timer)
    try {
      const src = await media.getContentTemporaryUrl()
      if (src !== null) frame.replaceChildren(element('img', { src, alt: name }))
    } catch (error) {
      const again = button('Load again', () => void load())
      frame.replaceChildren(waiting(name), again)
      again.title = (error as Error).message
      delayMs = Math.min(2 * delayMs, MAX_DELAY_MS)
      timer = window.setTimeout(() => frame.isConnected && void load(), delayMs)
    }
  }
  void load()
  return frame
}

function waiting(name: string): HTMLElement {
  return element('span', { class: 'quiet' }, `${name} is on its way…`)
}

async function download(media: Media, name: string): Promise<void> {
  const href = await media.getContentTemporaryUrl()
  if (href !== null) element('a', { href, download: name }).click()
}

export function formatSize(bytes: number): string {
  const [value, unit] = bytes < 1e6 ? [bytes / 1e3, 'kB'] : [bytes / 1e6, 'MB']
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`
}
