/*
 * What a device remembers of a person beside the conversation; all their tabs share it.
 */

/** Whether the network is cut. Calls back when another tab of the same person flips it. */
export function networkSwitch(identity: string, onFlipped: (isCut: boolean) => void) {
  const key = `demo/${identity}/network`
  addEventListener('storage', event => {
    if (event.key === key) onFlipped(event.newValue === 'cut')
  })
  return {
    isCut: () => recall(key) === 'cut',
    flip: (isCut: boolean) => remember(key, isCut ? 'cut' : 'on'),
  }
}

/** True once on each device, so that who has left is not joined again by a reload. */
export function isFirstVisit(identity: string): boolean {
  return recall(`demo/${identity}/visited`) === null
}

export function rememberVisit(identity: string): void {
  remember(`demo/${identity}/visited`, 'yes')
}

// Both throw where site data is blocked; then nothing is remembered.
function recall(key: string): string | null {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}

function remember(key: string, value: string): void {
  try {
    localStorage.setItem(key, value)
  } catch {}
}
