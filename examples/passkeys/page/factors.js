// The list of what opens an account.

const names = { password: 'Password', totp: 'Authenticator app', device: 'Remembered device' }

// list shows factors in an element, each with what can be done with it.
export function list(element, factors, actions) {
  element.replaceChildren(...factors.map((f) => {
    const item = document.createElement('li')
    item.dataset.factor = f.id
    if (f.method === 'passkey') item.append(passkey(f, actions))
    else if (f.method === 'recovery_code') item.append(`${f.about.remaining} recovery codes `, button('Make new ones', '', actions.renew))
    else item.append(`${names[f.method] ?? f.method} `, button('Remove', names[f.method], () => actions.remove(f)))
    return item
  }))
}

function passkey(factor, { rename, remove }) {
  const form = document.createElement('form')
  const input = Object.assign(document.createElement('input'), { value: factor.name, maxLength: 100, autocomplete: 'off' })
  const label = document.createElement('label')
  label.append('Passkey ', input)
  form.append(
    label,
    factor.about.backed_up ? 'on several devices ' : 'on one device ',
    Object.assign(button('Rename', factor.name), { type: 'submit' }),
    button('Remove', factor.name, () => remove(factor)),
  )
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    rename(factor, input.value)
  })
  return form
}

// button has a name that tells it from the others of its kind where only the button is read out.
function button(text, of, does) {
  const b = Object.assign(document.createElement('button'), { type: 'button', textContent: text })
  if (of) b.ariaLabel = `${text}: ${of}`
  if (does) b.addEventListener('click', does)
  return b
}
