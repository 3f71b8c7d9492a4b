import { describe, expect, it } from 'vitest'
import { httpHandler } from '../../../../src/server/http.ts'
import { jsonLogger } from '../../../../src/server/index.ts'
import { Counter, Gauge } from '../../../../src/server/metrics/registry.ts'
import { StorageHealth } from '../../../../src/server/metrics/storage-health.ts'
import {
  awarenessMessage,
  rawClient,
  silent,
  startServer,
  syncMessage,
  updateOf,
} from '../support/clients.ts'

describe('/metrics', () => {
  it('counts what happens, in the format of Prometheus', async () => {
    const { url, port } = await startServer()
    const client = await rawClient(url, 'room')
    client.send(
      syncMessage(
        2,
        updateOf(doc => doc.getMap('map').set('key', 1)),
      ),
    )
    client.send(awarenessMessage([1, 1, {}]))
    await client.settle()
    await rawClient(url, 'mux')
    const response = await fetch(`http://127.0.0.1:${port}/metrics`)
    expect(response.headers.get('content-type')).toContain('version=0.0.4')
    const text = await response.text()
    for (const line of text.trimEnd().split('\n')) {
      expect(line).toMatch(
        /^(# (HELP|TYPE) \w+ .+|[a-z_]+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? [\d.e+-]+)$/,
      )
    }
    expect(text).toContain('y_conversations_connections_total{kind="plain"} 1\n')
    expect(text).toContain('y_conversations_connections_total{kind="mux"} 1\n')
    expect(text).toContain('y_conversations_sockets{kind="plain"} 1\n')
    expect(text).toContain('y_conversations_received_messages_total 3\n')
    expect(text).toContain('y_conversations_awareness_messages_total 1\n')
    expect(text).toContain('y_conversations_rooms 1\n')
    expect(text).toMatch(/y_conversations_sent_bytes_total [1-9]/)
    expect(text).toMatch(/process_resident_memory_bytes [1-9]\d{6}/)
    expect(text).toMatch(/process_cpu_seconds_total \d/)
    expect(text).toMatch(/nodejs_eventloop_delay_max_seconds \d/)
    expect(text).not.toContain('"room"')
  })

  it('are for this machine, or for who has the token for it', async () => {
    const metricsToken = 'the token of metrics'.replaceAll(' ', '-')
    const { port } = await startServer({ metricsToken })
    const ask = async (headers: Record<string, string>) =>
      (await fetch(`http://127.0.0.1:${port}/metrics`, { headers })).status
    expect(await ask({})).toBe(200)
    for (const header of ['x-forwarded-for', 'forwarded', 'via', 'x-real-ip']) {
      expect(await ask({ [header]: '127.0.0.1' }), 'through a proxy').toBe(403)
    }
    expect(await ask({ origin: 'https://example.com' })).toBe(403)
    const proxied = { 'x-forwarded-for': '203.0.113.1' }
    expect(await ask({ ...proxied, authorization: `Bearer ${metricsToken}` })).toBe(200)
    expect(await ask({ ...proxied, authorization: `Bearer ${metricsToken}x` })).toBe(403)
    expect(await ask({ ...proxied, authorization: 'Bearer' })).toBe(403)
    const without = await startServer()
    const headers = { ...proxied, authorization: 'Bearer undefined' }
    expect((await fetch(`http://127.0.0.1:${without.port}/metrics`, { headers })).status).toBe(403)
  })

  it('escape what is in labels', () => {
    const counter = new Counter('name', 'Help')
    counter.add(2, { label: 'a "b"\\\n' })
    expect(counter.render()).toBe(
      '# HELP name Help\n# TYPE name counter\nname{label="a \\"b\\"\\\\\\n"} 2\n',
    )
    expect(new Gauge('name', 'Help', () => 1.5).render()).toContain('# TYPE name gauge\nname 1.5\n')
  })
})

it('/health says with 503 when what was last to be stored could not be', async () => {
  const health = new StorageHealth()
  const answers: [number, string][] = []
  const handle = httpHandler({
    log: silent,
    media: { owns: () => false } as never,
    metrics: () => '',
    health: () => {
      const storage = health.isFailing ? 'failing' : 'ok'
      return { status: storage, storage, rooms: 0, connections: 0 }
    },
  })
  const ask = () =>
    handle(
      { url: '/health?token=x', headers: {} } as never,
      {
        writeHead: (status: number) => ({ end: (text: string) => answers.push([status, text]) }),
      } as never,
    )
  await ask()
  health.storageFailed()
  await ask()
  health.storageWorks()
  await ask()
  expect(answers.map(([status]) => status)).toEqual([200, 503, 200])
  expect(JSON.parse(answers[1]?.[1] ?? '')).toMatchObject({ status: 'failing', storage: 'failing' })
})

describe('a log of JSON', () => {
  it('has an object on each line, with what was said beside the message', () => {
    const lines: string[] = []
    const log = jsonLogger(line => lines.push(line))
    const circular: unknown[] = []
    circular.push(circular)
    const error = Object.assign(new Error('broken\nin two', { cause: new Error('deep') }), {
      token: 'hidden',
    })
    log.warn('refused', { identity: 'alice', room: 'CH1', level: 'x' })
    log.error('failed', error, 'more', 5)
    log.info('odd', 10n, undefined)
    log.info('circular', circular)
    expect(lines.every(line => line.indexOf('\n') === line.length - 1)).toBe(true)
    const [refused, failed, odd] = lines.map(line => JSON.parse(line))
    expect(refused).toEqual({
      identity: 'alice',
      room: 'CH1',
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      level: 'warn',
      message: 'refused',
    })
    expect(failed).toMatchObject({
      error: { name: 'Error', message: 'broken\nin two', cause: { message: 'deep' } },
      details: ['more', 5],
    })
    expect(lines[1]).not.toContain('hidden')
    expect(odd).toMatchObject({ message: 'odd', details: ['10', null] })
  })
})
