import { createClient } from '../../src/index.ts'

/** What a page of the participant tests has as its globals. */
export async function openPerson(identity: string, url: string, room: string) {
  const client = createClient({ identity, url })
  const conversation = await client.openConversation(room)
  const log: string[] = []
  client.on('error', error => log.push(`error ${error.code}`))
  conversation.on('participantJoined', p => log.push(`joined ${p.identity ?? p.type}`))
  conversation.on('participantLeft', p => log.push(`left ${p.identity ?? p.type}`))
  /** Follows the events of one participant on the object itself. */
  const follow = async (who: string) => {
    const participant = await conversation.getParticipantByIdentity(who)
    participant?.on('updated', ({ participant: same, updateReasons }) =>
      log.push(`${same === participant && who} updated ${updateReasons}`),
    )
    participant?.on('typingStarted', same =>
      log.push(`${same === participant && who} typingStarted`),
    )
    participant?.on('typingEnded', same => log.push(`${same === participant && who} typingEnded`))
    return participant
  }
  return { client, conversation, log, follow, url }
}

export type PersonPage = Awaited<ReturnType<typeof openPerson>>
