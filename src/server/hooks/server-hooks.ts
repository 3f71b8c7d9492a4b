import type { JSONValue } from '../../base/json.ts'
import type { ParticipantBindings } from '../../schema/participant-entry.ts'

/**
 * Functions of the app that are called for what happens in conversations, for push notifications and for bridges. They
 * are called after it is durable, in order for each conversation, by one of the servers that share a storage: for
 * participants the one that a client told, for messages the one that gave them their indices.
 *
 * Nothing waits for them but the next call for the same conversation, 30 s at most. What they throw, or reject
 * with, is logged.
 *
 * `onMessage` is called at least once for each message, also if a server was killed meanwhile; so it may be called twice
 * for the same `sid`. The others are called at most once, and not if the server dies before.
 */
export interface ServerHooks {
  onConversationCreated?(conversation: ConversationSummary): unknown
  onParticipantJoined?(participant: ParticipantInfo, conversation: ConversationSummary): unknown
  /** Attributes, role or bindings have changed. */
  onParticipantUpdated?(participant: ParticipantInfo, conversation: ConversationSummary): unknown
  /** With what was said of them before. */
  onParticipantLeft?(participant: ParticipantInfo, conversation: ConversationSummary): unknown
  /** A message has its index. Messages from before there was such a hook are not told of. */
  onMessage?(message: MessageInfo, delivery: MessageDelivery): unknown
  onMessageUpdated?(message: MessageInfo, conversation: ConversationSummary): unknown
  /** Its content is gone. */
  onMessageRemoved?(message: MessageInfo, conversation: ConversationSummary): unknown
}

export interface ConversationSummary {
  readonly sid: string
  readonly uniqueName: string | null
  readonly friendlyName: string | null
}

export interface ParticipantInfo {
  readonly sid: string
  /** Null of somebody who is not on chat. */
  readonly identity: string | null
  /** `chat`, `sms`, … */
  readonly type: string
  /** By type: how somebody who is not on chat is reached. */
  readonly bindings: ParticipantBindings
  readonly attributes: JSONValue
  /** `''` = none was given. */
  readonly roleSid: string
}

export interface Recipient extends ParticipantInfo {
  /** Whether they have the conversation open by this server; undefined = it is not known who is connected. */
  readonly isOnline: boolean | undefined
}

export interface MessageInfo {
  readonly sid: string
  readonly index: number
  /** The identity, or the address of somebody who is not on chat. */
  readonly author: string | null
  readonly participantSid: string
  readonly body: string | null
  readonly subject: string | null
  readonly attributes: JSONValue
  readonly media: readonly MediaInfo[]
  /** By its author's clock. */
  readonly dateCreated: Date
}

export interface MediaInfo {
  /** Below `/media/` it is served, and in the media storage it lies, under this SHA-256 of its content. */
  readonly hash: string
  readonly contentType: string
  /** In bytes, as the sender says. */
  readonly size: number
  readonly filename: string | null
}

export interface MessageDelivery {
  readonly conversation: ConversationSummary
  /** Who is to hear of it: all participants but its author. */
  readonly recipients: readonly Recipient[]
}
