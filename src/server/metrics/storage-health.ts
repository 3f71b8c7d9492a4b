/** Whether the storage takes what it is given, as far as was seen: the last append tells. */
export class StorageHealth {
  #isFailing = false

  get isFailing(): boolean {
    return this.#isFailing
  }

  storageFailed(): void {
    this.#isFailing = true
  }

  storageWorks(): void {
    this.#isFailing = false
  }
}
