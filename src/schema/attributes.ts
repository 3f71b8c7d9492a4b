import { diff } from 'lib0/diff/patience'
import { hash } from '../base/ids.ts'
import { canonicalJson, equalJson, isObject, type JSONValue } from '../base/json.ts'
import { between, initialPosition } from './position.ts'

/*
 * Mergeable JSON on a flat map, pure.
 *
 * A value is a tree; a node is named by its path, whose segments are `.name` for a member of an object and
 * `#position` for an element of an array. A layer is an *initial* value (written once) under an *overlay* of
 * entries (one per path that was written later); what was created apart has several layers, which merge:
 *
 *   - an entry replaces the initial subtree at its path in its layer; entries below it add to it;
 *   - a scalar entry is a register; `{}` and `[]` are containers whose members have paths of their own;
 *     `undefined` marks what was removed from the initial value;
 *   - a node with members is a container whatever else is said of it, so nothing that was added is lost, and
 *     a container with members needs no entry itself.
 *
 * Who writes over a node deletes the entries below it that they have seen. What is still there after a merge was
 * written concurrently.
 */

export type Path = readonly string[]

export interface AttributeEntry {
  readonly path: Path
  /** A scalar, `{}`, `[]`, or undefined = removed. */
  readonly value: JSONValue | undefined
}

/** What was given when something was created, and what was written for it since. */
export interface AttributeLayer {
  /** Later ones win. */
  readonly initial: readonly JSONValue[]
  readonly entries: readonly AttributeEntry[]
}

/** What to write in every layer: entries to set, and paths of entries to delete. */
export interface AttributeChanges {
  readonly set: AttributeEntry[]
  readonly delete: Path[]
}

/** Positions grow by a digit with every six inserts right after the same element. */
const MAX_SEGMENT = 256

interface Node {
  /** What an entry or the initial value says of this very node. */
  own: JSONValue | undefined
  /** There is an entry at this path. */
  hasEntry: boolean
  /** An initial value would show here if the entry were deleted. */
  hasInitial: boolean
  children: Map<string, Node> | undefined
}

/** The value that layers make, in conflicts that of the later one; `{}` where there is none. */
export function readAttributes(layers: readonly AttributeLayer[]): JSONValue {
  const value = toValue(buildTree(layers))
  return value === undefined ? {} : value
}

/** What makes new array positions of a writer differ from those of all others. */
export function positionSuffix(writer: number): string {
  return writer.toString(36).padStart(7, '0')
}

/**
 * The changes that turn the current value into `next` while leaving alone whatever is the same in both.
 *
 * @param suffix of new array positions; no other writer may use it
 */
export function diffAttributes(
  layers: readonly AttributeLayer[],
  next: JSONValue,
  suffix: string,
): AttributeChanges {
  const changes: AttributeChanges = { set: [], delete: [] }
  new Differ(changes, suffix).write([], buildTree(layers), next)
  return changes
}

function buildTree(layers: readonly AttributeLayer[]): Node {
  const root = newNode()
  for (const layer of layers) merge(root, layerTree(layer))
  if (root.own === undefined) root.own = {}
  return root
}

/** What was written counts before what somebody was created with, and anything before what was only removed. */
function merge(into: Node, later: Node): void {
  const isLater = later.own !== undefined && (later.hasEntry || !into.hasEntry)
  if (isLater || into.own === undefined) into.own = later.own
  into.hasEntry ||= later.hasEntry
  into.hasInitial ||= later.hasInitial
  into.children ??= new Map()
  for (const [segment, child] of later.children ?? []) {
    const known = into.children.get(segment)
    if (known) merge(known, child)
    else into.children.set(segment, child)
  }
}

function layerTree({ initial, entries }: AttributeLayer): Node {
  const root = newNode()
  for (const value of initial) addInitial(root, value)
  // Ancestors first, for an entry replaces what is below it.
  for (const { path, value } of entries.toSorted((a, b) => a.path.length - b.path.length)) {
    let node = root
    for (const segment of path) node = childOf(node, segment)
    node.own = value
    node.hasEntry = true
    node.children = undefined
  }
  return root
}

function addInitial(node: Node, value: JSONValue): void {
  node.hasInitial = true
  if (Array.isArray(value)) {
    node.own = []
    for (const [index, element] of value.entries()) {
      // Two records with the same element at the same place mean the same element.
      const fingerprint = hash(canonicalJson(element)).slice(0, 8)
      addInitial(childOf(node, `#${initialPosition(index, fingerprint)}`), element)
    }
  } else if (isObject(value)) {
    node.own = {}
    for (const [name, member] of Object.entries(value))
      addInitial(childOf(node, `.${name}`), member)
  } else {
    node.own = value
  }
}

function newNode(): Node {
  return { own: undefined, hasEntry: false, hasInitial: false, children: undefined }
}

function childOf(node: Node, segment: string): Node {
  node.children ??= new Map()
  const child = node.children.get(segment) ?? newNode()
  node.children.set(segment, child)
  return child
}

function toValue(node: Node): JSONValue | undefined {
  const members = liveChildren(node, '.')
  if (members.length > 0) {
    // Not by assignment: a member may be called __proto__.
    return Object.fromEntries(members.map(([segment, , value]) => [segment.slice(1), value]))
  }
  const elements = liveChildren(node, '#')
  return elements.length > 0 ? elements.map(([, , value]) => value) : node.own
}

function liveChildren(
  node: Node,
  kind: '.' | '#',
): [segment: string, child: Node, value: JSONValue][] {
  const live: [string, Node, JSONValue][] = []
  for (const [segment, child] of node.children ?? []) {
    if (segment[0] !== kind) continue
    const value = toValue(child)
    if (value !== undefined) live.push([segment, child, value])
  }
  return live.sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Writes the difference between a tree and a value. */
class Differ {
  readonly #changes: AttributeChanges
  readonly #suffix: string

  constructor(changes: AttributeChanges, suffix: string) {
    this.#changes = changes
    this.#suffix = suffix
  }

  write(path: Path, node: Node, next: JSONValue): void {
    const current = toValue(node)
    if (equalJson(current, next)) return
    // An entry here would take away what the initial value of another layer has below it.
    const isMixed =
      node.hasEntry && [...(node.children?.values() ?? [])].some(({ hasInitial }) => hasInitial)
    if (isMixed) this.#replace(path, node, next)
    else if (isObject(current) && isObject(next)) this.#writeMembers(path, node, current, next)
    else if (Array.isArray(current) && Array.isArray(next)) this.#writeElements(path, node, next)
    else this.#replace(path, node, next)
  }

  #writeMembers(path: Path, node: Node, current: object, next: Record<string, JSONValue>): void {
    this.#settleKind(path, node, {}, Object.keys(next).length)
    for (const [segment, child] of node.children ?? []) {
      if (segment[0] === '#' || !Object.hasOwn(next, segment.slice(1))) {
        this.#remove([...path, segment], child)
      }
    }
    for (const [name, value] of Object.entries(next)) {
      const child = node.children?.get(`.${name}`) ?? newNode()
      if (Object.hasOwn(current, name)) this.write([...path, `.${name}`], child, value)
      else this.#replace([...path, `.${name}`], child, value)
    }
  }

  #writeElements(path: Path, node: Node, next: JSONValue[]): void {
    const { set, delete: deleted } = this.#changes
    const [setBefore, deletedBefore] = [set.length, deleted.length]
    this.#settleKind(path, node, [], next.length)
    const current = liveChildren(node, '#')
    const hunks = diff(distinct(current.map(([, , value]) => value)), distinct(next))
    let inserted = 0
    for (const { index, remove, insert } of hunks) {
      const removed = current.slice(index, index + remove.length)
      const start = index + inserted
      this.#writeHunk(path, current, index, removed, next.slice(start, start + insert.length))
      inserted += insert.length - remove.length
    }
    // Thousands of inserts at one place, or forged neighbours: number all elements anew.
    const isTooLong = (entry: AttributeEntry) =>
      (entry.path[path.length]?.length ?? 0) > MAX_SEGMENT
    if (!set.slice(setBefore).some(isTooLong)) return
    set.length = setBefore
    deleted.length = deletedBefore
    this.#replace(path, node, next)
  }

  /** Containers that change in place stay the same element; anything else is removed and inserted. */
  #writeHunk(
    path: Path,
    current: [string, Node, JSONValue][],
    index: number,
    removed: [string, Node, JSONValue][],
    insert: JSONValue[],
  ): void {
    const stays = (i: number) =>
      i < insert.length && i < removed.length && sameContainer(removed[i]?.[2], insert[i])
    const positionAt = (i: number) => current[i]?.[0].slice(1)
    let left = positionAt(index - 1)
    for (let i = 0; i < Math.max(removed.length, insert.length); ) {
      const old = removed[i]
      if (old && stays(i)) {
        this.write([...path, old[0]], old[1], insert[i] as JSONValue)
        left = positionAt(index + i)
        i++
        continue
      }
      let end = i + 1
      while (end < Math.max(removed.length, insert.length) && !stays(end)) end++
      for (const [segment, node] of removed.slice(i, end)) this.#remove([...path, segment], node)
      const right = positionAt(index + Math.min(end, removed.length))
      left = this.#insert(path, left, right, insert.slice(i, end))
      i = end
    }
  }

  #insert(
    path: Path,
    left: string | undefined,
    right: string | undefined,
    values: JSONValue[],
  ): string | undefined {
    const positions = between(left, right, values.length, this.#suffix)
    for (const [i, value] of values.entries()) this.#put([...path, `#${positions[i]}`], value)
    return positions.at(-1) ?? left
  }

  /** Makes the node say itself what kind it is where its members could all vanish and show something else. */
  #settleKind(path: Path, node: Node, kind: JSONValue, members: number): void {
    const isSettled = sameContainer(node.own, kind)
    if (!isSettled && (node.hasEntry || members === 0))
      this.#changes.set.push({ path, value: kind })
  }

  #replace(path: Path, node: Node, value: JSONValue): void {
    this.#deleteBelow(path, node)
    const isFilled = typeof value === 'object' && value !== null && Object.keys(value).length > 0
    if (!isFilled) this.#changes.set.push({ path, value })
    else {
      if (node.hasEntry || node.hasInitial) {
        this.#changes.set.push({ path, value: Array.isArray(value) ? [] : {} })
      }
      this.#put(path, value)
    }
  }

  #remove(path: Path, node: Node): void {
    this.#deleteBelow(path, node)
    if (node.hasInitial) {
      if (node.own !== undefined || !node.hasEntry)
        this.#changes.set.push({ path, value: undefined })
    } else if (node.hasEntry) {
      this.#changes.delete.push(path)
    }
  }

  #deleteBelow(path: Path, node: Node): void {
    for (const [segment, child] of node.children ?? []) {
      const below = [...path, segment]
      if (child.hasEntry) this.#changes.delete.push(below)
      this.#deleteBelow(below, child)
    }
  }

  /** Writes a value where nothing is. */
  #put(path: Path, value: JSONValue): void {
    if (Array.isArray(value) && value.length > 0) {
      this.#insert(path, undefined, undefined, value)
    } else if (isObject(value) && Object.keys(value).length > 0) {
      for (const [name, member] of Object.entries(value)) this.#put([...path, `.${name}`], member)
    } else {
      this.#changes.set.push({ path, value })
    }
  }
}

function sameContainer(a: JSONValue | undefined, b: JSONValue | undefined): boolean {
  return Array.isArray(a) ? Array.isArray(b) : isObject(a) && isObject(b)
}

/** Texts for comparing; the n-th occurrence of a value only equals another n-th one. */
function distinct(values: JSONValue[]): string[] {
  const occurrences = new Map<string, number>()
  return values.map(value => {
    const text = canonicalJson(value)
    const n = occurrences.get(text) ?? 0
    occurrences.set(text, n + 1)
    return `${n} ${text}`
  })
}
