import type { DemoConversation } from '../profile.ts'

const WORDS =
  'who brings the blanket there is room for one more under the tree it may rain after four so take a coat the bread is from the corner shop and the train leaves at ten'.split(
    ' ',
  )

/** So many messages are a burst. */
export const BURST = 1000

/** Sends very many messages at once: the beginning of a long history. */
export async function sendBurst(conversation: DemoConversation): Promise<void> {
  const sent: Promise<number>[] = []
  for (let i = 0; i < BURST; i++) {
    sent.push(conversation.sendMessage(`${i + 1} of ${BURST}: ${sentence(i)}.`))
    // The page is to stay usable meanwhile.
    if (i % 25 === 24) await new Promise(resolve => setTimeout(resolve))
  }
  await Promise.all(sent)
}

/** Of different lengths, the same every time. */
function sentence(seed: number): string {
  const length = 3 + ((seed * 7) % 11)
  return Array.from({ length }, (_, i) => WORDS[(seed * 5 + i) % WORDS.length]).join(' ')
}
