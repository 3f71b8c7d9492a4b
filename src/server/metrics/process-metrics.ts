import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Gauge, type Metric } from './registry.ts'

/** What this process uses. `stop()` ends the measuring. */
export function processMetrics(): { metrics: Metric[]; stop(): void } {
  const delay = monitorEventLoopDelay({ resolution: 20 })
  delay.enable()
  const seconds = () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  }
  /** The largest since the last time that somebody asked. */
  const longest = () => {
    const max = delay.max / 1e9
    delay.reset()
    return max
  }
  return {
    metrics: [
      new Gauge('process_cpu_seconds_total', 'CPU time', seconds, 'counter'),
      new Gauge('process_resident_memory_bytes', 'Memory', () => process.memoryUsage.rss()),
      new Gauge('nodejs_heap_used_bytes', 'Heap in use', () => process.memoryUsage().heapUsed),
      new Gauge('nodejs_eventloop_delay_max_seconds', 'Longest delay of the event loop', longest),
    ],
    stop: () => delay.disable(),
  }
}
