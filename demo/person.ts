import type { Client } from '../src/index.ts'
import { sendBurst } from './chat/burst.ts'
import { chat } from './chat/chat.ts'
import { createDemoClient } from './client.ts'
import { isFirstVisit, networkSwitch, rememberVisit } from './device.ts'
import { forgeHorizon } from './forgery.ts'
import { isFramed, keepHeight, tellFrame } from './frame.ts'
import { type DemoConversation, initialProfile, type Profile } from './profile.ts'
import { readSharedState } from './shared-state.ts'
import { deviceBar } from './ui/device-bar.ts'
import { element } from './ui/element.ts'
import { eventLog } from './ui/event-log.ts'
import { notices } from './ui/notices.ts'
import { peopleList } from './ui/people-list.ts'
import { profileForm } from './ui/profile-form.ts'
import type { Run, Section } from './ui/section.ts'
import { topicAndList } from './ui/topic-and-list.ts'

const FRAME_MS = 16

/** The page of one person: a device with a client of its own. */
export async function showPerson(identity: string): Promise<void> {
  tellFrame({ type: 'opening' })
  const client = createDemoClient(identity)
  const log = eventLog()
  const trouble = notices()
  const run: Run = write => void write.catch((error: Error) => trouble.show(error.message))
  let conversation: DemoConversation | undefined

  const network = networkSwitch(identity, setNetwork)
  function setNetwork(isCut: boolean): void {
    if (isCut) client.disconnect()
    else client.connect()
    bar.setStatus(client.connectionStatus)
  }

  const bar = deviceBar({
    identity,
    isFramed,
    isCut: network.isCut,
    onFlip: isCut => {
      network.flip(isCut)
      setNetwork(isCut)
    },
    onReload: () => location.reload(),
    onBurst: () => {
      messages.followEnd()
      if (conversation) run(sendBurst(conversation))
    },
    onForge: () => {
      const victim = identity === 'alice' ? 'bob' : 'alice'
      if (!conversation) return
      const answer = forgeHorizon(identity, victim, conversation.sid)
      void answer.then(reason => log.add('writeRefused', reason))
    },
    onToggleMembership: () => {
      if (conversation?.status === 'joined') run(conversation.leave())
      else if (conversation) run(conversation.join(initialProfile(identity)))
    },
  })
  const messages = chat(identity, run)
  const others = [peopleList(), profileForm(run), topicAndList(run)]
  const column = (...parts: { element: HTMLElement }[]) =>
    element('div', { class: 'column' }, ...parts.map(part => part.element))
  const page = element(
    'main',
    { class: 'person' },
    element('div', { class: 'top' }, bar.element, trouble.element),
    column(messages),
    column(...others, log),
  )
  document.body.replaceChildren(page)
  keepHeight(page)

  log.listen(client)
  client.on('connectionStatusChanged', bar.setStatus)
  client.on('error', error => {
    const again = { label: 'Try again', run: () => client.connect() }
    // Every document of the conversation is refused.
    if (error.code === 'denied') trouble.show(error.message, again, 'denied')
    else trouble.show(error.message)
  })
  if (network.isCut()) client.disconnect()

  try {
    const startedAtMs = performance.now()
    conversation = await client.openConversation<Profile>('demo')
    const tookMs = Math.round(performance.now() - startedAtMs)
    const count = await conversation.getParticipantsCount()
    log.add('opened', `from this device: ${count} participants in ${tookMs} ms`)
  } catch (error) {
    trouble.show((error as Error).message)
    return
  }
  conversation.on('updated', ({ updateReasons }) =>
    log.add('updated', 'conversation', updateReasons),
  )
  joinOnFirstVisit(identity, conversation, run)
  follow(client, conversation, [bar, messages, ...others], network.isCut)
}

function joinOnFirstVisit(identity: string, conversation: DemoConversation, run: Run): void {
  if (!isFirstVisit(identity)) return
  // Not before: on another device of theirs they may be a participant already.
  conversation.once('synced', () => {
    rememberVisit(identity)
    run(conversation.join(initialProfile(identity)))
  })
}

/** Brings the page up to date after every event, once for those of one task. */
function follow(
  client: Client,
  conversation: DemoConversation,
  sections: readonly Section[],
  isCut: () => boolean,
): void {
  let isWanted = false
  let isUpdating = false

  function schedule(): void {
    isWanted = true
    if (!isUpdating) queueMicrotask(() => void update())
    isUpdating = true
  }

  async function update(): Promise<void> {
    while (isWanted) {
      isWanted = false
      const participants = await conversation.getParticipants()
      const me = participants.find(({ identity }) => identity === client.identity)
      const isConnected = conversation.connectionStatus === 'connected'
      const view = { conversation, participants, me, isConnected }
      for (const section of sections) section.update(view)
      const state = await readSharedState(conversation, participants)
      tellFrame({ type: 'state', state, isCut: isCut() })
      // Nobody sees more than one state per frame; a thousand messages come in many.
      await new Promise(resolve => setTimeout(resolve, FRAME_MS))
    }
    isUpdating = false
  }

  for (const event of [
    'participantJoined',
    'participantLeft',
    'participantUpdated',
    'typingStarted',
    'typingEnded',
    'participantOnline',
    'participantOffline',
    'messageAdded',
    'messageUpdated',
    'messageRemoved',
    'unreadCountChanged',
    'updated',
    'connectionStatusChanged',
    'synced',
  ] as const) {
    conversation.on(event, schedule)
  }
  schedule()
}
