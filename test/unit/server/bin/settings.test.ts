import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { keysOf } from '../../../../src/server/bin/keys.ts'
import { resolveSettings } from '../../../../src/server/bin/settings.ts'
import { temporaryDirectory } from '../support/storage.ts'

async function file(content: unknown): Promise<string> {
  const path = join(await temporaryDirectory(), 'settings.json')
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

describe('settings', () => {
  it('mean the same as flags, as variables and in the file', async () => {
    const permissions = { member: ['read'] }
    const expected = {
      port: 0,
      storage: 'redis://localhost',
      audience: ['a', 'b'],
      insecure: true,
      origins: ['https://a.example.com', 'http://localhost:3000'],
      behindProxy: false,
      permissions,
      limits: { maxPayload: 1_000, burstSeconds: 3 },
      shutdownWithinMs: 5,
    }
    const path = await file(permissions)
    const texts = {
      port: '0',
      storage: 'redis://localhost',
      audience: 'a,b',
      origins: 'https://a.example.com, http://localhost:3000',
      permissions: path,
      limits: 'maxPayload=1000,burstSeconds=3',
    }
    expect(
      resolveSettings(
        { ...texts, insecure: true, 'behind-proxy': false, 'shutdown-within-ms': '5' },
        {},
      ),
    ).toEqual(expected)
    const variables = Object.entries({
      ...texts,
      insecure: '1',
      behind_proxy: 'false',
      shutdown_within_ms: '5',
    }).map(([name, value]) => [`Y_CONVERSATIONS_${name.toUpperCase()}`, value])
    expect(resolveSettings({}, Object.fromEntries(variables))).toEqual(expected)
    expect(resolveSettings({ config: await file(expected) }, {})).toEqual(expected)
    expect(resolveSettings({}, { Y_CONVERSATIONS_CONFIG: await file(expected) })).toEqual(expected)
    expect(resolveSettings({}, { PATH: '/bin' })).toEqual({})
  })

  it.each([
    ['port', 'x', '--port must be a whole number from 0 to 65535, not "x"'],
    ['port', '65536', '65535'],
    ['port', '-1', 'whole number'],
    ['port', '1.5', 'whole number'],
    ['port', '', 'whole number'],
    ['port', ' 1', 'whole number'],
    ['host', '', 'a text that is not empty'],
    ['storage', 'mysql://localhost', 'postgres://'],
    ['origins', 'https://a.example.com/path', 'without a path'],
    ['origins', '*', 'origins such as'],
    ['audience', 'a,,b', 'separated by commas'],
    ['limits', 'maxPayload', 'name=number'],
    ['limits', 'maxPayload=0', 'whole numbers from 1 (maxPayload)'],
    ['limits', 'maxPayloads=1', 'not: maxPayloads'],
    ['limits', '__proto__=1', 'not: __proto__'],
    ['log', 'xml', '--log must be text or json, not "xml"'],
    ['permissions', '/does/not/exist', 'Cannot read /does/not/exist'],
  ])('are refused as a flag: %s=%s', (name, value, message) => {
    expect(() => resolveSettings({ [name]: value }, {})).toThrow(message)
  })

  it('are refused in the environment', () => {
    const resolve = (name: string, value: string) => () => resolveSettings({}, { [name]: value })
    expect(resolve('Y_CONVERSATIONS_PORTS', '1')).toThrow('Y_CONVERSATIONS_PORTS')
    expect(resolve('Y_CONVERSATIONS_INSECURE', 'yes')).toThrow(
      'Y_CONVERSATIONS_INSECURE must be true or false, not "yes"',
    )
  })

  it.each([
    [{ ports: 1 }, 'Unknown setting "ports"'],
    [{ port: '0x10' }, '"port" in '],
    [{ port: null }, 'not null'],
    [{ insecure: 'maybe' }, 'true or false'],
    [{ permissions: { member: ['fly'] } }, 'member has none named fly'],
    [{ permissions: { member: 'read' } }, '(member)'],
    [{ limits: [1] }, 'an object'],
    [{ limits: { maxPayload: '1e9' } }, '(maxPayload)'],
    [[], 'a JSON object'],
    ['{"jwtSecret": "hush', 'no JSON'],
  ])('are refused in the file: %j', async (content, message) => {
    const path = await file(content)
    expect(() => resolveSettings({ config: path }, {})).toThrow(message)
    expect(() => resolveSettings({ config: path }, {})).not.toThrow('hush')
  })

  it('that are secret are not told', async () => {
    for (const value of [5, '']) {
      const path = await file({ jwtSecret: value })
      expect(() => resolveSettings({ config: path }, {})).toThrow(
        /must be a text that is not empty$/,
      )
    }
  })

  it('have one kind of keys', async () => {
    const path = await file('  secret in a file\n')
    expect(keysOf({})).toBeUndefined()
    expect(keysOf({ jwtSecretFile: path })).toEqual({ secret: 'secret in a file' })
    expect(keysOf({ jwks: 'https://a.b' })).toEqual({ jwks: 'https://a.b' })
    expect(() => keysOf({ jwtSecret: 'a', jwks: 'https://a.b' })).toThrow('jwtSecret, jwks')
    expect(() => keysOf({ jwtSecretFile: '/does/not/exist' })).toThrow('Cannot read the secret')
  })
})
