import { ConversationsError } from '../base/errors.ts'

/** A page of a longer list, in ascending order. Immutable: the next page is another object. */
export interface Paginator<T> {
  readonly items: T[]
  /** Whether there are newer ones. */
  readonly hasNextPage: boolean
  /** Whether there are older ones. */
  readonly hasPrevPage: boolean
  /** @throws {ConversationsError} (rejects) `not-found` where there are none, `transport` where they cannot be had now */
  nextPage(): Promise<Paginator<T>>
  /** @throws {ConversationsError} (rejects) as `nextPage` */
  prevPage(): Promise<Paginator<T>>
}

/** @param prev reads what is older; undefined = nothing is */
export function paginator<T>(
  items: T[],
  prev: (() => Promise<Paginator<T>>) | undefined,
  next: (() => Promise<Paginator<T>>) | undefined,
): Paginator<T> {
  const none = (which: string) => async () => {
    throw new ConversationsError('not-found', `No ${which} page`)
  }
  return Object.freeze({
    items,
    hasNextPage: next !== undefined,
    hasPrevPage: prev !== undefined,
    nextPage: next ?? none('next'),
    prevPage: prev ?? none('previous'),
  })
}
