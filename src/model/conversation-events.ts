import type { ConversationsError } from '../base/errors.ts'
import type { JSONValue } from '../base/json.ts'
import type { ConnectionStatus } from '../sync/status.ts'
import type { Conversation } from './conversation.ts'
import type { ConversationUpdateReason } from './conversation-state.ts'
import type { Message, MessageUpdate } from './message.ts'
import type { Participant, ParticipantUpdate } from './participant.ts'
import type { RefusedConversationWrite } from './refused-write.ts'

export interface ConversationUpdate<Attributes = JSONValue> {
  conversation: Conversation<Attributes>
  /** Which values differ from before, in a fixed order. Frozen. */
  updateReasons: ConversationUpdateReason[]
}

/** What happens among the participants of a conversation; clients tell it of all their conversations. */
export type RosterEvents<Attributes = JSONValue> = {
  participantJoined: (participant: Participant<Attributes>) => void
  participantLeft: (participant: Participant<Attributes>) => void
  participantUpdated: (update: ParticipantUpdate<Attributes>) => void
  typingStarted: (participant: Participant<Attributes>) => void
  typingEnded: (participant: Participant<Attributes>) => void
  /** The first device of a participant came online, or somebody who is online joined. */
  participantOnline: (participant: Participant<Attributes>) => void
  /** The last device of a participant went offline. */
  participantOffline: (participant: Participant<Attributes>) => void
}

/** What happens to the messages of a conversation; clients tell it of all their conversations. */
export type LogEvents = {
  /** A message was written here or came, pending or sent; the typing of its author has ended. */
  messageAdded: (message: Message) => void
  /** Of messages that were added or fetched. */
  messageUpdated: (update: MessageUpdate) => void
  /** Of messages that were added or fetched. */
  messageRemoved: (message: Message) => void
}

/** What a client tells of all its conversations. */
export type SharedEvents<Attributes = JSONValue> = RosterEvents<Attributes> & LogEvents

export type ConversationEvents<Attributes = JSONValue> = SharedEvents<Attributes> & {
  /** How many messages of others this user has not read. */
  unreadCountChanged: (unreadCount: number) => void
  updated: (update: ConversationUpdate<Attributes>) => void
  /** This user left or was removed. */
  removed: (conversation: Conversation<Attributes>) => void
  connectionStatusChanged: (status: ConnectionStatus) => void
  /** `true` when everything was exchanged with peers after connecting. */
  synced: (isSynced: boolean) => void
  /**
   * Whether a server keeps everything that was written here; undefined = nobody says so. See `Conversation.isSaved`.
   */
  savedChanged: (isSaved: boolean | undefined) => void
  /**
   * A server has refused for good something that was written here. With it goes everything in that document that the server
   * had not confirmed: the event has it, and so has the storage of this device for a while. The server's state takes its
   * place, which is told of as usual, and then the conversation goes on.
   */
  writeRefused: (refused: RefusedConversationWrite) => void
  /** Trouble with storage or network; nothing an app has written is undone by it. */
  error: (error: ConversationsError) => void
}
