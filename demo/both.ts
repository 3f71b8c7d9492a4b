import { type FrameMessage, onFrameMessage } from './frame.ts'
import { initialProfile } from './profile.ts'
import { differences, type SharedState } from './shared-state.ts'
import { element } from './ui/element.ts'

interface Report {
  state: SharedState | undefined
  isCut: boolean
}

/** Two people side by side: each in a frame, a page of its own that can be reloaded alone. */
export function showBoth(identities: readonly [string, string]): void {
  const reports: Report[] = identities.map(() => ({ state: undefined, isCut: false }))
  const verdict = element('p', { class: 'verdict', role: 'status' })
  const frames = identities.map((identity, i) => {
    const frame = element('iframe', {
      src: `/?user=${encodeURIComponent(identity)}`,
      title: `${initialProfile(identity).name}'s device`,
    })
    onFrameMessage(frame, message => hear(frame, i, message))
    return frame
  })

  function hear(frame: HTMLIFrameElement, i: number, message: FrameMessage): void {
    if (message.type === 'height') {
      frame.style.height = `${message.height}px`
      return
    }
    reports[i] =
      message.type === 'state'
        ? { state: message.state, isCut: message.isCut }
        : { state: undefined, isCut: false }
    showVerdict()
  }

  function showVerdict(): void {
    const { kind, text } = judge(reports)
    verdict.dataset.verdict = kind
    if (verdict.textContent !== text) verdict.textContent = text
  }

  showVerdict()
  document.body.replaceChildren(
    element(
      'main',
      { class: 'both' },
      element(
        'header',
        { class: 'intro' },
        element('p', { class: 'brand' }, 'y-conversations'),
        element('h1', {}, 'Two devices, one conversation'),
        element(
          'p',
          {},
          'Cut the network on one side, write on both, then switch it back on: nothing is lost, doubled or wrongly read. A pane reads what is on screen while it has the focus.',
        ),
      ),
      verdict,
      element('div', { class: 'frames' }, ...frames),
    ),
  )
}

function judge(reports: readonly Report[]): { kind: string; text: string } {
  const [a, b] = reports
  if (!a?.state || !b?.state) return { kind: 'opening', text: 'Opening…' }
  const different = differences(a.state, b.state)
  const isCut = a.isCut || b.isCut
  if (different.length > 0) {
    const what = new Intl.ListFormat('en').format(different)
    return {
      kind: isCut ? 'apart' : 'meeting',
      text: `They differ in ${what}.${isCut ? ' Switch the network back on and watch.' : ''}`,
    }
  }
  return {
    kind: 'agreed',
    text: isCut
      ? 'Both ends agree, as nothing was changed since the network was cut.'
      : 'Both ends agree on everything.',
  }
}
