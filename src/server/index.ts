export { ConversationsError, type ErrorCode, type StorageFailure } from '../base/errors.ts'
export type { Permission, RolePermissions } from '../schema/permissions.ts'
export { DEFAULT_PERMISSIONS, PERMISSIONS } from '../schema/permissions.ts'
export type { Authenticate, AuthenticatedIdentity } from './authentication/authenticate.ts'
export { type JwtKeys, type JwtOptions, jwt } from './authentication/jwt.ts'
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
export {
  type Cluster,
  type ClusterListener,
  type DocumentLog,
  type Lease,
  LeaseLostError,
  type StoredDocument,
} from './log/document-log.ts'
export { type LevelLog, levelLog } from './log/level-log.ts'
export { memoryLog } from './log/memory-log.ts'
export { jsonLogger } from './logging/json-logger.ts'
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
