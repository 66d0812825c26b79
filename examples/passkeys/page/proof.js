// Meets challenges: a challenge names methods by one of which to go on, and the answer to a proof is a session or the next
// challenge. It makes no difference here whether a sign-in goes on or a session is proven anew (a step-up).

import { call, good, words } from '/call.js'
import { explain, get, stop } from '/webauthn.js'

const byId = (id) => document.getElementById(id)
const dialog = byId('proof')
const say = (text) => { byId('proof-status').textContent = text }

let id // of the challenge
let last // answer; null: none that ended it
let end // of the promise

// meet asks for proofs until there is a session, and returns the last answer; null: the user gave up.
export function meet(challenge, title, email = '') {
  byId('proof-title').textContent = title
  byId('proof-email').value = email
  return new Promise((resolve) => {
    last = null
    end = resolve
    show(challenge)
    dialog.showModal()
    first().focus()
  })
}

// show offers what a challenge takes.
function show(challenge) {
  id = challenge.id
  const takes = (...methods) => methods.some((m) => challenge.next.includes(m))
  byId('proof-passkey').hidden = !takes('passkey')
  byId('proof-password-form').hidden = !takes('password')
  byId('proof-code-form').hidden = !takes('totp', 'recovery_code')
  say('')
}

// first is where the keyboard begins.
const first = () => dialog.querySelector('button:not([hidden]), form:not([hidden]) input:not([readonly])')

function finish(answer) {
  last = answer
  dialog.close()
}

async function give(proof) {
  say('')
  const answer = await call('POST', '/auth/login/verify', { challenge: id, ...proof })
  if (answer.data?.status === 'challenge') {
    show(answer.data.challenge)
    first().focus()
  } else if (good(answer) || answer.data?.code === 'invalid_challenge') {
    finish(answer)
  } else {
    say(words(answer))
  }
}

async function givePasskey() {
  const asked = await call('POST', '/auth/login/options', { challenge: id, method: 'passkey' })
  if (asked.data?.code === 'invalid_challenge') return finish(asked)
  if (!good(asked)) return say(words(asked))
  try {
    await give({ method: 'passkey', response: await get(asked.data.options) })
  } catch (error) {
    say(explain(error))
  }
}

// once runs a step that is not to be begun twice.
const once = (step) => async (event) => {
  event.preventDefault()
  if (dialog.ariaBusy === 'true') return
  dialog.ariaBusy = 'true'
  await step()
  dialog.ariaBusy = 'false'
}

byId('proof-passkey').addEventListener('click', once(givePasskey))
byId('proof-password-form').addEventListener('submit', once(async () => {
  await give({ method: 'password', code: byId('proof-password').value })
  byId('proof-password').value = ''
}))
byId('proof-code-form').addEventListener('submit', once(async () => {
  const code = byId('proof-code').value
  await give({ method: /^[\d\s]{6,8}$/.test(code) ? 'totp' : 'recovery_code', code })
  byId('proof-code').value = ''
}))
byId('proof-cancel').addEventListener('click', () => dialog.close())
dialog.addEventListener('close', () => {
  stop()
  for (const form of dialog.querySelectorAll('form')) form.reset() // no secret stays in the page
  end(last)
})
