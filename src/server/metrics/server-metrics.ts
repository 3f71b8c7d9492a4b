import { Counter, Gauge, type Labels, type Metric } from './registry.ts'

/**
 * What `/metrics` tells. Labels are of few values: never a room, an identity, an address or a token, which would be
 * told to whoever reads the metrics and would make them grow for ever.
 */
export class ServerMetrics {
  readonly #metrics: Metric[] = []

  /** Sockets that were admitted; `kind`: `plain` or `mux`. */
  readonly connections = this.#counter('connections_total', 'Sockets that were admitted')
  /** Sockets and requests that were turned away, by `reason`: `unauthenticated`, `denied`, `limit`, `timeout`, `unavailable`. */
  readonly turnedAway = this.#counter('turned_away_total', 'Sockets that were turned away')
  readonly messagesIn = this.#counter('received_messages_total', 'Messages from clients')
  readonly bytesIn = this.#counter('received_bytes_total', 'Bytes of messages from clients')
  readonly messagesOut = this.#counter('sent_messages_total', 'Messages to clients')
  readonly bytesOut = this.#counter('sent_bytes_total', 'Bytes of messages to clients')
  readonly awareness = this.#counter('awareness_messages_total', 'Awareness messages from clients')
  /** Times that reading from a client was paused, because it exceeds a rate. */
  readonly pauses = this.#counter('rate_pauses_total', 'Pauses of clients that exceed a rate')
  readonly updatesAccepted = this.#counter('accepted_updates_total', 'Updates that were stored')
  /** By `reason`, which is one of few words. */
  readonly updatesRefused = this.#counter('refused_updates_total', 'Updates that were refused')
  /** Updates that build on what the server lacks, answered with sync step 1. */
  readonly gaps = this.#counter('gaps_total', 'Updates that build on what is not here')
  readonly commits = this.#counter('commits_total', 'Appends to the storage')
  readonly commitSeconds = this.#counter('commit_seconds_total', 'Time that appends took')
  readonly commitFailures = this.#counter('failed_commits_total', 'Appends that failed')
  /** Updates times the connections that they were sent to. */
  readonly deliveries = this.#counter('deliveries_total', 'Updates sent to a client each')
  /** By `direction`: `in` or `out`. */
  readonly mediaBytes = this.#counter('media_bytes_total', 'Bytes of attachments')

  /** Adds a number that is looked up when it is asked for. */
  gauge(
    name: string,
    help: string,
    read: () => number | Iterable<readonly [Labels, number]>,
  ): void {
    this.#metrics.push(new Gauge(`y_conversations_${name}`, help, read))
  }

  add(metric: Metric): void {
    this.#metrics.push(metric)
  }

  /** In the text format of Prometheus, version 0.0.4. */
  render(): string {
    return this.#metrics.map(metric => metric.render()).join('')
  }

  #counter(name: string, help: string): Counter {
    const counter = new Counter(`y_conversations_${name}`, help)
    this.#metrics.push(counter)
    return counter
  }
}
