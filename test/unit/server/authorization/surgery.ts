import fc from 'fast-check'
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'

type Struct = Y.Item | Y.GC | Y.Skip

/** An update taken apart, to be put together otherwise. */
export interface Anatomy {
  /** By client, in the order they are written; a client may be there twice. */
  sections: { client: number; clock: number; structs: Struct[] }[]
  deletions: { client: number; clock: number; len: number }[]
}

export function takeApart(update: Uint8Array): Anatomy {
  const { structs, ds } = Y.decodeUpdate(update)
  const sections: Anatomy['sections'] = []
  for (const struct of structs) {
    const { client, clock } = struct.id
    const last = sections.at(-1)
    if (last?.client === client) last.structs.push(struct)
    else sections.push({ client, clock, structs: [struct] })
  }
  const deletions = [...ds.clients].flatMap(([client, ranges]) =>
    ranges.map(({ clock, len }) => ({ client, clock, len })),
  )
  return { sections, deletions }
}

export function putTogether({ sections, deletions }: Anatomy): Uint8Array {
  const encoder = new Y.UpdateEncoderV1()
  const rest = encoder.restEncoder
  encoding.writeVarUint(rest, sections.length)
  for (const { client, clock, structs } of sections) {
    encoding.writeVarUint(rest, structs.length)
    encoder.writeClient(client)
    encoding.writeVarUint(rest, clock)
    for (const struct of structs) (struct as Y.Item).write(encoder, 0)
  }
  encoding.writeVarUint(rest, deletions.length)
  for (const { client, clock, len } of deletions) {
    encoding.writeVarUint(rest, client)
    encoding.writeVarUint(rest, 1)
    encoding.writeVarUint(rest, clock)
    encoding.writeVarUint(rest, len)
  }
  return encoder.toUint8Array()
}

/** What a forger knows of a document: names that could do harm. */
export interface Lore {
  readonly clients: readonly number[]
  readonly roots: readonly string[]
  readonly keys: readonly string[]
  readonly values: readonly unknown[]
}

/** Something is done to an update at some place; numbers choose among what there is. */
export type Cut = (anatomy: Anatomy) => void

export function cuts({ clients, roots, keys, values }: Lore): fc.Arbitrary<Cut> {
  const place = fc.nat(30)
  const client = fc.constantFrom(...clients)
  const clock = fc.nat(25)
  const id = fc.tuple(client, clock)
  const atItem =
    <T>(change: (item: Y.Item, value: T) => void) =>
    ([n, value]: [number, T]): Cut =>
    anatomy => {
      const items = anatomy.sections.flatMap(({ structs }) => structs)
      const item = items[n % Math.max(1, items.length)]
      if (item instanceof Y.Item) change(item, value)
    }
  const atSection =
    <T>(change: (section: Anatomy['sections'][number], value: T, anatomy: Anatomy) => void) =>
    ([n, value]: [number, T]): Cut =>
    anatomy => {
      const section = anatomy.sections[n % Math.max(1, anatomy.sections.length)]
      if (section) change(section, value, anatomy)
    }
  const content = fc.oneof(
    fc.constantFrom(...values).map(value => () => new Y.ContentAny([value])),
    fc.uint8Array({ maxLength: 12 }).map(bytes => () => new Y.ContentBinary(bytes)),
    fc.integer({ min: 1, max: 4 }).map(len => () => new Y.ContentDeleted(len)),
    fc.constant(() => new Y.ContentType(new Y.Map() as Y.AbstractType<unknown>)),
    fc.constant(() => new Y.ContentType(new Y.Array() as Y.AbstractType<unknown>)),
    fc.constant(() => new Y.ContentString('text')),
  )
  return fc.oneof(
    fc.tuple(place, client).map(
      atSection((section, value) => {
        section.client = value
      }),
    ),
    fc.tuple(place, clock).map(
      atSection((section, value) => {
        section.clock = value
      }),
    ),
    fc.tuple(place, fc.boolean()).map(
      atSection((section, isCopy, anatomy) => {
        if (isCopy) anatomy.sections.push({ ...section })
        else anatomy.sections.splice(anatomy.sections.indexOf(section), 1)
      }),
    ),
    fc.tuple(place, fc.integer({ min: 1, max: 5 })).map(
      atSection((section, length) => {
        section.structs.unshift(new Y.Skip(Y.createID(0, 0), length))
      }),
    ),
    fc.tuple(place, fc.integer({ min: 1, max: 5 })).map(
      atSection((section, length) => {
        section.structs.push(new Y.GC(Y.createID(0, 0), length))
      }),
    ),
    fc.tuple(place, fc.option(id)).map(
      atItem((item, value) => {
        item.origin = value && Y.createID(...value)
        if (!item.origin && !item.rightOrigin) item.parent ??= roots[0] as never
      }),
    ),
    fc.tuple(place, fc.option(id)).map(
      atItem((item, value) => {
        item.rightOrigin = value && Y.createID(...value)
        if (!item.origin && !item.rightOrigin) item.parent ??= roots[0] as never
      }),
    ),
    fc.tuple(place, fc.oneof(fc.constantFrom(...roots), id)).map(
      atItem((item, value) => {
        item.origin = null
        item.rightOrigin = null
        item.parent = (typeof value === 'string' ? value : Y.createID(...value)) as never
      }),
    ),
    fc.tuple(place, fc.tuple(fc.constantFrom(...roots), fc.constantFrom(...keys))).map(
      atItem((item, [root, key]) => {
        item.origin = null
        item.rightOrigin = null
        item.parent = root as never
        item.parentSub = key
      }),
    ),
    fc.tuple(place, fc.option(fc.constantFrom(...keys))).map(
      atItem((item, value) => {
        item.parentSub = value
      }),
    ),
    fc.tuple(place, content).map(
      atItem((item, make) => {
        item.content = make()
      }),
    ),
    fc.tuple(client, clock, fc.integer({ min: 1, max: 10 })).map(
      ([of, from, len]): Cut =>
        anatomy => {
          anatomy.deletions.push({ client: of, clock: from, len })
        },
    ),
    place.map(
      (n): Cut =>
        anatomy => {
          anatomy.deletions.splice(n % Math.max(1, anatomy.deletions.length), 1)
        },
    ),
  )
}

/** What is done to the bytes in the end. */
export const damage: fc.Arbitrary<(bytes: Uint8Array) => Uint8Array> = fc.oneof(
  { weight: 8, arbitrary: fc.constant((bytes: Uint8Array) => bytes) },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 })
      .map(flips => (bytes: Uint8Array) => {
        const copy = bytes.slice()
        for (const [at, value] of flips) copy[at % copy.length] = value
        return copy
      }),
  },
  {
    weight: 1,
    arbitrary: fc.nat(200).map(length => (bytes: Uint8Array) => bytes.subarray(0, length)),
  },
)
