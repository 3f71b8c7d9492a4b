import type * as Y from 'yjs'
import type { JSONValue } from '../base/json.ts'
import { ROOTS, USER_ROOT } from './format.ts'
import { rootMap } from './root-map.ts'
import { WholeEntity } from './whole-entity.ts'

/** A user's document, decoded and kept up to date: a name and attributes. */
export class UserDocument {
  readonly #doc: Y.Doc
  readonly #whole: WholeEntity
  readonly #fields: Y.Map<unknown>
  readonly #attributes: Y.Map<unknown>
  readonly #onChange: () => void
  #stop: () => void = () => {}

  constructor(doc: Y.Doc, onChange: () => void) {
    this.#doc = doc
    this.#onChange = onChange
    this.#fields = rootMap(doc, USER_ROOT)
    this.#attributes = rootMap(doc, ROOTS.attributes)
    this.#whole = new WholeEntity(this.#fields, this.#attributes)
  }

  /** Reads what is there, telling nobody, and follows the document from now on. */
  start(): void {
    for (const key of this.#attributes.keys()) this.#whole.readAttribute(key)
    this.#whole.refresh()
    let isTouched = false
    const onFields = () => {
      isTouched = true
    }
    const onAttributes = ({ keysChanged }: Y.YMapEvent<unknown>) => {
      isTouched = true
      for (const key of keysChanged) if (key !== null) this.#whole.readAttribute(key)
    }
    const tell = () => {
      if (!isTouched) return
      isTouched = false
      this.#whole.refresh()
      this.#onChange()
    }
    this.#fields.observe(onFields)
    this.#attributes.observe(onAttributes)
    this.#doc.on('afterTransaction', tell)
    this.#stop = () => {
      this.#fields.unobserve(onFields)
      this.#attributes.unobserve(onAttributes)
      this.#doc.off('afterTransaction', tell)
    }
  }

  stop(): void {
    this.#stop()
  }

  get friendlyName(): string | null {
    return this.#whole.text('friendlyName')
  }

  get attributes(): JSONValue {
    return this.#whole.attributes
  }

  setFriendlyName(name: string, now: number): void {
    this.#doc.transact(() => this.#whole.setField('friendlyName', name, now), this)
  }

  setAttributes(next: JSONValue, now: number): void {
    this.#doc.transact(() => this.#whole.setAttributes(next, now, this.#doc.clientID), this)
  }
}
