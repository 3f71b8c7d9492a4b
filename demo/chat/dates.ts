const time = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const moment = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'medium' })
const thisYear = new Intl.DateTimeFormat('en-GB', {
  weekday: 'long',
  day: 'numeric',
  month: 'long',
})
const otherYear = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full' })

export const formatTime = (date: Date) => time.format(date)
export const formatMoment = (date: Date) => moment.format(date)

/** The same for all times of one day, as this device sees it. */
export function dayOf(date: Date): string {
  return date.toDateString()
}

export function formatDay(date: Date, now = new Date()): string {
  if (dayOf(date) === dayOf(now)) return 'Today'
  const yesterday = new Date(now)
  yesterday.setDate(now.getDate() - 1)
  if (dayOf(date) === dayOf(yesterday)) return 'Yesterday'
  return (date.getFullYear() === now.getFullYear() ? thisYear : otherYear).format(date)
}
