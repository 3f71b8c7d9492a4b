const PATHS = {
  clock: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM8 4.5V8l2.5 1.5',
  tick: 'M2.5 8.5 6 12l7.5-8',
  clip: 'm13.5 7.5-5.6 5.6a3.3 3.3 0 0 1-4.7-4.7l6-6a2.2 2.2 0 0 1 3.1 3.1l-5.9 5.9a1.1 1.1 0 0 1-1.5-1.6l5.2-5.2',
  dots: 'M3 8h.01M8 8h.01M13 8h.01',
  send: 'M2 8 14 2.5 10.5 14 7.5 9ZM7.5 9 14 2.5',
  down: 'M8 3v10M3.5 8.5 8 13l4.5-4.5',
  up: 'M8 13V3M3.5 7.5 8 3l4.5 4.5',
} as const

export type IconName = keyof typeof PATHS

/** A drawing in the colour of the text; what it means is said in words beside it. */
export function icon(name: IconName): SVGElement {
  const namespace = 'http://www.w3.org/2000/svg'
  const svg = document.createElementNS(namespace, 'svg')
  svg.setAttribute('class', 'icon')
  svg.setAttribute('viewBox', '0 0 16 16')
  svg.setAttribute('aria-hidden', 'true')
  svg.dataset.icon = name
  const path = document.createElementNS(namespace, 'path')
  path.setAttribute('d', PATHS[name])
  svg.append(path)
  return svg
}
