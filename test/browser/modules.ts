/** The packages a test uses inside a page: `page.evaluate` cannot resolve bare specifiers, an import of this file can. */
export { IndexeddbPersistence } from 'y-indexeddb'
export * as awarenessProtocol from 'y-protocols/awareness'
export { Awareness } from 'y-protocols/awareness'
export * as syncProtocol from 'y-protocols/sync'
export { WebsocketProvider } from 'y-websocket'
export * as Y from 'yjs'
