export type { Clock } from './base/clock.ts'
export { ConversationsError, type ErrorCode, type StorageFailure } from './base/errors.ts'
export type { JSONValue } from './base/json.ts'
export { Client, type ClientEvents } from './client/client.ts'
export { type CreateClientOptions, createClient } from './client/create-client.ts'
export type { ClientOptions } from './client/options.ts'
export {
  Conversation,
  type ParticipantBindingOptions,
} from './model/conversation.ts'
export type { ConversationEvents, ConversationUpdate } from './model/conversation-events.ts'
export type { LastMessage } from './model/conversation-messages.ts'
export type { ConversationOptions } from './model/conversation-options.ts'
export type { ConversationStatus, ConversationUpdateReason } from './model/conversation-state.ts'
export type { Limits, Timings } from './model/host.ts'
export { Media } from './model/media.ts'
export type { SendMediaOptions } from './model/media-input.ts'
export {
  type DeliveryState,
  Message,
  type MessageEvents,
  type MessageUpdate,
} from './model/message.ts'
export { MessageBuilder, UnsentMessage } from './model/message-builder.ts'
export type { Paginator } from './model/paginator.ts'
export {
  Participant,
  type ParticipantEvents,
  type ParticipantType,
  type ParticipantUpdate,
} from './model/participant.ts'
export type { ParticipantResponse } from './model/participant-response.ts'
export type { RefusedConversationWrite, RefusedUserWrite } from './model/refused-write.ts'
export { User, type UserEvents, type UserUpdate, type UserUpdateReason } from './model/user.ts'
export type { MessageUpdateReason } from './schema/messages/message-entry.ts'
export type { ParticipantBindings, ParticipantUpdateReason } from './schema/participant-entry.ts'
export type { ParticipantBinding } from './schema/participant-record.ts'
export {
  DEFAULT_PERMISSIONS,
  PERMISSIONS,
  type Permission,
  type RolePermissions,
} from './schema/permissions.ts'
export { type BroadcastChannelOptions, broadcastChannel } from './sync/broadcast-channel.ts'
export {
  clearIndexeddb,
  type IndexeddbOptions,
  indexeddb,
  persistStorage,
} from './sync/indexeddb.ts'
export { type HttpMediaOptions, httpMedia } from './sync/media/http-media.ts'
export { type IndexeddbMediaOptions, indexeddbMedia } from './sync/media/indexeddb-media.ts'
export type { LocalMediaStore, MediaStore } from './sync/media/media-store.ts'
export { memoryMedia } from './sync/media/memory-media.ts'
export {
  CONNECTION_LOST,
  type IdleWriter,
  type IdleWriters,
  type Persistence,
  type PersistenceHandle,
  type ProviderContext,
  type Transport,
  type TransportContext,
  type TransportHandle,
  type TransportStatus,
} from './sync/provider.ts'
export type { ConnectionStatus } from './sync/status.ts'
export {
  type WebSocketConstructor,
  type WebsocketOptions,
  websocket,
} from './sync/websocket/index.ts'
