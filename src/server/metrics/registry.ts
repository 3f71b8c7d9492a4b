/** What is counted or measured under one name, in the text format of Prometheus. */
export interface Metric {
  render(): string
}

export type Labels = Readonly<Record<string, string>>

/** A number, or one for each combination of labels, that only goes up. */
export class Counter implements Metric {
  readonly #name: string
  readonly #help: string
  /** Without labels, which is all that is counted for each message. */
  #count = 0
  readonly #values = new Map<string, number>()

  constructor(name: string, help: string) {
    this.#name = name
    this.#help = help
  }

  add(amount = 1, labels?: Labels): void {
    if (!labels) {
      this.#count += amount
      return
    }
    const key = renderLabels(labels)
    this.#values.set(key, (this.#values.get(key) ?? 0) + amount)
  }

  render(): string {
    const values = this.#values.size > 0 ? this.#values : new Map([['', this.#count]])
    return renderMetric(this.#name, this.#help, 'counter', values)
  }
}

/** Numbers that are looked up when they are asked for. */
export class Gauge implements Metric {
  readonly #name: string
  readonly #help: string
  readonly #type: 'gauge' | 'counter'
  readonly #read: () => number | Iterable<readonly [Labels, number]>

  /** @param type `counter` if it only goes up */
  constructor(
    name: string,
    help: string,
    read: () => number | Iterable<readonly [Labels, number]>,
    type: 'gauge' | 'counter' = 'gauge',
  ) {
    this.#name = name
    this.#help = help
    this.#read = read
    this.#type = type
  }

  render(): string {
    const now = this.#read()
    const values = new Map<string, number>()
    if (typeof now === 'number') values.set('', now)
    else for (const [labels, value] of now) values.set(renderLabels(labels), value)
    return renderMetric(this.#name, this.#help, this.#type, values)
  }
}

function renderMetric(
  name: string,
  help: string,
  type: 'gauge' | 'counter',
  values: ReadonlyMap<string, number>,
): string {
  const samples = values.size > 0 ? [...values] : ([['', 0]] as const)
  const lines = samples.map(([labels, value]) => `${name}${labels} ${value}\n`)
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function renderLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`)
  return pairs.length > 0 ? `{${pairs.join(',')}}` : ''
}

const escapeLabel = (value: string) =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
