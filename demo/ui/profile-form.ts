import { COLOURS, type Profile, readProfile } from '../profile.ts'
import { card, element, field, setValue } from './element.ts'
import type { Run, Section, View } from './section.ts'

/** The own attributes. Every change is written at once. */
export function profileForm(run: Run): Section {
  let me: View['me']

  function write(change: Partial<Profile>): void {
    if (me) run(me.updateAttributes({ ...readProfile(me), ...me.attributes, ...change }))
  }

  const name = element('input', {
    type: 'text',
    maxlength: 40,
    autocomplete: 'off',
    oninput: () => write({ name: name.value }),
  })
  const status = element('input', {
    type: 'text',
    maxlength: 80,
    autocomplete: 'off',
    placeholder: 'What are you up to?',
    oninput: () => write({ status: status.value }),
  })
  const swatches = COLOURS.map(colour =>
    element('input', {
      type: 'radio',
      name: 'colour',
      value: colour,
      'data-colour': colour,
      'aria-label': colour,
      title: colour,
      onchange: () => write({ colour }),
    }),
  )
  const colours = element(
    'fieldset',
    { class: 'field swatches' },
    element('legend', {}, 'Colour'),
    element('div', {}, ...swatches),
  )

  return {
    element: card(
      'About me',
      element('div', { class: 'row' }, field('Name', name), field('Status', status), colours),
    ),
    update: view => {
      me = view.me
      for (const control of [name, status, colours]) control.disabled = !me
      if (!me) return
      const profile = readProfile(me)
      // Not the name that is shown: an empty one would fill itself in while it is edited.
      setValue(name, typeof me.attributes.name === 'string' ? me.attributes.name : profile.name)
      setValue(status, profile.status)
      for (const swatch of swatches) swatch.checked = swatch.value === profile.colour
    },
  }
}
