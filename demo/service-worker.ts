/*
 * Lets the pages be reloaded while the server is down: everything comes from the network, and from the last visit
 * where there is none. The conversation itself is kept by the library, not here.
 */

// TypeScript's library for workers cannot be loaded beside the one for pages.
interface WorkerEvent extends Event {
  readonly request: Request
  waitUntil(promise: Promise<unknown>): void
  respondWith(response: Promise<Response>): void
}
interface Worker extends EventTarget {
  readonly caches: CacheStorage
  readonly clients: { claim(): Promise<void> }
}
const worker = globalThis as unknown as Worker
const files = ['/', '/main.js', '/style.css']

worker.addEventListener('install', event => {
  const { waitUntil } = event as WorkerEvent
  waitUntil.call(
    event,
    open().then(cache => cache.addAll(files)),
  )
})

worker.addEventListener('activate', event => {
  const { waitUntil } = event as WorkerEvent
  waitUntil.call(event, worker.clients.claim())
})

worker.addEventListener('fetch', event => {
  const { request, respondWith } = event as WorkerEvent
  const { pathname } = new URL(request.url)
  if (files.includes(pathname)) respondWith.call(event, load(request, pathname))
})

async function load(request: Request, pathname: string): Promise<Response> {
  const cache = await open()
  try {
    const response = await fetch(request)
    if (response.ok) await cache.put(pathname, response.clone())
    return response
  } catch (error) {
    const stored = await cache.match(pathname)
    if (stored) return stored
    throw error
  }
}

function open(): Promise<Cache> {
  return worker.caches.open('demo')
}
