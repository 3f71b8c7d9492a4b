import type { Redis } from 'ioredis'

type Bytes = Uint8Array | string | number

/** Each is one round trip and one moment. */
export interface RedisScripts {
  /** Keys: head, updates, lease. The number of the last update, or -1 if the lease (a token, or '') does not hold. */
  yjsAppend(
    ...args: [string, string, string, token: Bytes, channel: string, ...Bytes[]]
  ): Promise<number>
  /** Keys: head, updates, claims. */
  yjsReadBuffer(
    ...args: [string, string, string, after: number]
  ): Promise<[seq: number, snapshot: Buffer | null, updates: Buffer[], claims: Buffer[]]>
  /** Keys: head, updates. */
  yjsSnapshot(...args: [string, string, upTo: number, state: Bytes]): Promise<unknown>
  /** Keys: head, claims. Whose it is. */
  yjsClaim(...args: [string, string, key: string, owner: string]): Promise<string>
  /** Keys: head, updates, claims. */
  yjsErase(
    ...args: [string, string, string, channel: string, announcement: Bytes]
  ): Promise<unknown>
  /** Keys: lease. Its token, or 0 if somebody has it. */
  yjsLease(...args: [string, forMs: number]): Promise<number>
  /** Keys: lease. 1 if it holds; for 0 ms it is released. */
  yjsRenew(...args: [string, token: number, forMs: number]): Promise<number>
}

const CLOCK = `
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function holds(lease, token)
  local held = redis.call('HMGET', lease, 'token', 'until')
  return held[1] == token and tonumber(held[2]) > now()
end
local function hold(lease, ms)
  redis.call('HSET', lease, 'until', string.format('%.0f', now() + ms))
end
`

const SCRIPTS: Record<string, { numberOfKeys: number; lua: string }> = {
  yjsAppend: {
    numberOfKeys: 3,
    // A call takes some thousands of arguments only.
    lua: `${CLOCK}
if ARGV[1] ~= '' and not holds(KEYS[3], ARGV[1]) then return -1 end
local seq = redis.call('HINCRBY', KEYS[1], 'seq', #ARGV - 3)
for i = 4, #ARGV, 1000 do
  redis.call('RPUSH', KEYS[2], unpack(ARGV, i, math.min(i + 999, #ARGV)))
end
redis.call('PUBLISH', ARGV[2], string.format('%.0f:', seq) .. ARGV[3])
return seq`,
  },
  yjsRead: {
    numberOfKeys: 3,
    lua: `
local head = redis.call('HMGET', KEYS[1], 'seq', 'floor')
local seq, floor, after = tonumber(head[1] or 0), tonumber(head[2] or 0), tonumber(ARGV[1])
local snapshot = floor > after and redis.call('HGET', KEYS[1], 'snapshot')
local updates = redis.call('LRANGE', KEYS[2], math.max(0, after - floor), -1)
return { seq, snapshot, updates, redis.call('HGETALL', KEYS[3]) }`,
  },
  yjsSnapshot: {
    numberOfKeys: 2,
    lua: `
local head = redis.call('HMGET', KEYS[1], 'seq', 'floor')
local seq, floor, upTo = tonumber(head[1] or 0), tonumber(head[2] or 0), tonumber(ARGV[1])
if upTo < 1 or upTo < floor or upTo > seq then return 0 end
redis.call('LTRIM', KEYS[2], upTo - floor, -1)
redis.call('HSET', KEYS[1], 'floor', ARGV[1], 'snapshot', ARGV[2])
return 1`,
  },
  yjsClaim: {
    numberOfKeys: 2,
    lua: `
if redis.call('HSETNX', KEYS[2], ARGV[1], ARGV[2]) == 1 then redis.call('HSETNX', KEYS[1], 'seq', 0) end
return redis.call('HGET', KEYS[2], ARGV[1])`,
  },
  yjsErase: {
    numberOfKeys: 3,
    lua: `
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
redis.call('PUBLISH', ARGV[1], '0:' .. ARGV[2])`,
  },
  yjsLease: {
    numberOfKeys: 1,
    lua: `${CLOCK}
if tonumber(redis.call('HGET', KEYS[1], 'until') or 0) > now() then return 0 end
hold(KEYS[1], tonumber(ARGV[1]))
return redis.call('HINCRBY', KEYS[1], 'token', 1)`,
  },
  yjsRenew: {
    numberOfKeys: 1,
    lua: `${CLOCK}
if not holds(KEYS[1], ARGV[1]) then return 0 end
hold(KEYS[1], tonumber(ARGV[2]))
return 1`,
  },
}

/** Teaches a connection our scripts; it sends their text once, and then only their hash. */
export function withScripts(redis: Redis): Redis & RedisScripts {
  for (const [name, script] of Object.entries(SCRIPTS)) redis.defineCommand(name, script)
  return redis as Redis & RedisScripts
}
