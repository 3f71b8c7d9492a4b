import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { userSid } from '../../../../src/base/ids.ts'
import { rawClient, syncMessage, until, updateOf } from '../support/clients.ts'
import { command } from '../support/command.ts'
import { temporaryDirectory } from '../support/storage.ts'
import { SECRET } from '../support/tokens.ts'

const secret = { Y_CONVERSATIONS_JWT_SECRET: SECRET }

describe('y-conversations-server', () => {
  it('serves until it is told to stop, and has stored what it said it had', async () => {
    const storage = await temporaryDirectory()
    const update = updateOf(doc => doc.getMap('map').set('key', 1))
    const first = command(['--port', '0', '--storage', storage])
    const writer = await rawClient(await first.url(), 'room')
    writer.send(syncMessage(2, update))
    await writer.settle()
    first.kill('SIGTERM')
    expect(await writer.closed).toMatchObject({ code: 1001 })
    expect(await first.exited).toMatchObject({ code: 0, signal: null })
    const second = command(['--port', '0', '--storage', storage, '--log', 'json'])
    const reader = await rawClient(await second.url(), 'room')
    await reader.settle()
    expect(reader.updates()).toContainEqual(update)
    second.kill('SIGINT')
    const { code, stdout } = await second.exited
    expect(code).toBe(0)
    const lines = stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(lines[0]).toMatchObject({ level: 'info', message: expect.stringContaining('ws://') })
    expect(lines.at(-1)).toMatchObject({
      message: 'SIGINT: shutting down',
      time: expect.any(String),
    })
  })

  it('lets in who has a token that it has made', async () => {
    const made = await command(['token', '--identity', 'alice', '--expires', '5m'], secret).exited
    expect(made).toMatchObject({ code: 0, stderr: '' })
    const server = command(['--port', '0', '--log', 'json'], secret)
    const url = await server.url()
    const token = made.stdout.trim()
    // Her own document, which she always may have.
    const { settle } = await rawClient(url, `${userSid('alice')}?extension=1&token=${token}`)
    await settle()
    expect(await (await rawClient(url, 'room')).closed).toMatchObject({ code: 4401 })
    await (await rawClient(url, 'room?token=bad')).closed
    await until(() => expect(server.output()).toContain('malformed token'))
    expect(server.output()).not.toContain(SECRET)
    expect(server.output()).not.toContain(token)
  })

  it('makes no token without a name or a secret, or for no time', async () => {
    const run = (args: string[], environment = {}) =>
      command(['token', ...args], environment).exited
    const [noName, noSecret, noTime, short] = await Promise.all([
      run([], secret),
      run(['--identity', 'alice']),
      run(['--identity', 'alice', '--expires', '1 year'], secret),
      run(['--identity', 'alice'], { Y_CONVERSATIONS_JWT_SECRET: 'short' }),
    ])
    expect(noName.stderr).toContain('--identity alice')
    expect(noSecret.stderr).toContain('Y_CONVERSATIONS_JWT_SECRET')
    expect(noTime.stderr).toContain('not "1 year"')
    expect(short.stderr).toContain('32 bytes')
    for (const { code, stdout } of [noName, noSecret, noTime, short]) {
      expect(code).toBeGreaterThan(0)
      expect(stdout).toBe('')
    }
  })

  it('takes flags before the environment, and that before the file', async () => {
    const file = join(await temporaryDirectory(), 'server.json')
    const config = { host: 'localhost', port: 1, log: 'json', jwtSecret: SECRET }
    await writeFile(file, JSON.stringify(config))
    const environment = { Y_CONVERSATIONS_HOST: '127.0.0.1', Y_CONVERSATIONS_PORT: '2' }
    const server = command(['--config', file, '--port', '0'], environment)
    const url = await server.url()
    expect(Number(new URL(url).port)).toBeGreaterThan(2)
    expect(server.output()).toContain('"level":"info"')
    expect(await (await rawClient(url, 'room')).closed).toMatchObject({ code: 4401 })
  })

  it('ends when something goes wrong that nobody foresaw, and says what', async () => {
    const code = "process.on('SIGUSR2', () => { throw new Error('unforeseen') })"
    const server = command(['--port', '0', '--log', 'json'], {
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}`,
    })
    await server.url()
    server.kill('SIGUSR2')
    const { code: exitCode, stdout } = await server.exited
    expect(exitCode).toBe(1)
    expect(stdout).toContain('"message":"unforeseen"')
  })

  it('stops at once when it is told twice', async () => {
    const server = command(['--port', '0'])
    const { socket } = await rawClient(await server.url(), 'room')
    // It does not confirm that it is closed, for which the server waits two seconds.
    socket.pause()
    server.kill('SIGTERM')
    await until(() => expect(server.output()).toContain('shutting down'))
    server.kill('SIGTERM')
    expect(await server.exited).toMatchObject({ code: 143 })
  })

  it('does not wait for ever to be done', async () => {
    const server = command(['--port', '0', '--shutdown-within-ms', '1'])
    const { socket } = await rawClient(await server.url(), 'room')
    socket.pause()
    server.kill('SIGTERM')
    const { code, stderr } = await server.exited
    expect(stderr).toContain('not everything was done within 1 ms')
    expect(code).toBe(1)
  })

  it('says what it is', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8'))
    const [shown, help] = await Promise.all([
      command(['--version']).exited,
      command(['--help']).exited,
    ])
    expect(shown).toMatchObject({ code: 0, stdout: `${version}\n` })
    expect(help).toMatchObject({ code: 0 })
    for (const word of [
      '--port',
      '--storage',
      '--limits',
      'Y_CONVERSATIONS_JWT_SECRET',
      '--insecure',
    ]) {
      expect(help.stdout).toContain(word)
    }
    expect(help.stdout).not.toContain('--jwt-secret ')
  })

  it.each([
    ['redis://127.0.0.1:1', 'ioredis'],
    ['postgres://127.0.0.1:1/db', 'pg'],
  ])('says what to install for %s where that is missing', async (storage, name) => {
    const hook = `export async function resolve(specifier, context, next) {
      if (specifier !== '${name}') return next(specifier, context)
      throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
    }`
    const url = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`
    const code = `import { register } from 'node:module'; register(${JSON.stringify(url(hook))})`
    const { exitCode, stderr } = await command(['--port', '0', '--storage', storage], {
      NODE_OPTIONS: `--import=${url(code)}`,
    }).exited.then(({ code: exitCode, stderr }) => ({ exitCode, stderr }))
    expect(stderr).toContain(`npm install ${name}\n`)
    expect(exitCode).toBe(2)
  })

  it('says in a line why it cannot start', async () => {
    const storage = await temporaryDirectory()
    const first = command(['--port', '0', '--storage', storage])
    const { port } = new URL(await first.url())
    const [open, taken, blocked, redis] = await Promise.all([
      command(['--host', '0.0.0.0', '--port', '0']).exited,
      command(['--port', port]).exited,
      command(['--port', '0', '--storage', storage]).exited,
      command(['--port', '0', '--storage', 'redis://alice:secret-word@127.0.0.1:1']).exited,
    ])
    expect(open).toMatchObject({ code: 1, stderr: expect.stringContaining('no authentication') })
    expect(taken).toMatchObject({ code: 1, stderr: expect.stringContaining('EADDRINUSE') })
    expect(blocked).toMatchObject({ code: 1, stderr: expect.stringContaining(storage) })
    expect(redis.code).toBe(1)
    for (const { stdout, stderr } of [open, taken, blocked, redis]) {
      expect(stdout + stderr).not.toContain('secret-word')
      expect(stderr.match(/^ {4}at /m)).toBeNull()
    }
  })
})
