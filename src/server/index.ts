export { ConversationsError, type ErrorCode, type StorageFailure } from '../base/errors.ts'
export type {
  ConversationSummary,
  MediaInfo,
  MessageDelivery,
  MessageInfo,
  ParticipantInfo,
  Recipient,
  ServerHooks,
} from './hooks/server-hooks.ts'
export type { ServerHealth } from './http.ts'
export type { DocumentLog, StoredDocument } from './log/document-log.ts'
export { type LevelLog, levelLog } from './log/level-log.ts'
export { memoryLog } from './log/memory-log.ts'
export { mediaDirectory } from './media/media-directory.ts'
export type { MediaStorage } from './media/media-storage.ts'
export { type ErasedUser, type EraseUserOptions, eraseUser } from './operations/erase-user.ts'
export type { InboundMessage } from './operations/inbound.ts'
export {
  eraseConversation,
  exportConversation,
  type ImportOptions,
  importConversation,
} from './operations/transfer.ts'
export type { Logger, ServerLimits, ServerOptions, ServerTimings } from './options.ts'
export { type ConversationsServer, createServer } from './server.ts'
export { renewServerClientId } from './server-client-id.ts'
