// The page knows no token: the cookie is HttpOnly. Who is signed in, only the server can say (GET /auth/session), and the
// page asks after whatever it did itself, when it comes to the front, and when another tab says that it did something.

import { call, good, words } from '/call.js'
import { list } from '/factors.js'
import { meet } from '/proof.js'
import { autofills, create, explain, forget, get, stop, supported } from '/webauthn.js'

const byId = (id) => document.getElementById(id)
const tabs = new BroadcastChannel('session')

// say puts a text into the live region, which screen readers read out.
const say = (text) => { byId('status').textContent = text }

let user // whom the page shows; null: nobody; undefined: not known yet

async function show({ user: next, session }) {
  const before = user
  user = next
  if (before && before.id !== user?.id) {
    clear()
    if (!user) say('You are signed out.')
  }
  byId('who').textContent = user ? `Signed in as ${user.email}` : ''
  byId('how').textContent = user ? `Proven by ${session.methods.join(' and ').replaceAll('_', ' ')}.` : ''
  byId('signed-in').hidden = !user
  byId('signed-out').hidden = Boolean(user)
  if (user) {
    stop()
    await showFactors()
  } else {
    offer()
  }
}

// clear takes away what is somebody else's.
function clear() {
  for (const id of ['factors', 'codes-list', 'app-secret', 'app-qr']) byId(id).textContent = ''
  for (const id of ['codes', 'app']) byId(id).hidden = true
}

// check asks who is signed in and shows it. Of several answers under way only the last one asked for counts. An answer
// that cannot tell changes nothing.
let asked = 0
async function check() {
  const mine = ++asked
  const answer = await call('GET', '/auth/session')
  if (mine === asked && answer.status === 200) await show(answer.data)
}

// changed is for after this tab changed something.
async function changed() {
  tabs.postMessage('changed')
  await check()
}

// enter is for after a proof: the answer to it is a session, or a challenge that is met first.
async function enter(answer, done = 'You are signed in.') {
  if (answer.data?.status === 'challenge') answer = await meet(answer.data.challenge, 'Your second proof', byId('login-email').value)
  for (const id of ['login', 'signup']) byId(id).reset() // no password stays in the page
  if (!answer || !good(answer)) {
    say(answer ? words(answer) : '')
    offer()
    return
  }
  await changed()
  say(done)
  byId('who').focus()
}

// submit sends the fields of a form as JSON.
async function submit(form) {
  const fields = Object.fromEntries(new FormData(form))
  if ('remember' in fields) fields.remember = true
  const answer = await call('POST', new URL(form.action).pathname, fields)
  if (good(answer)) return enter(answer)
  say(answer.data?.code === 'invalid_credentials' ? 'Wrong e-mail or password.' : words(answer))
  form.elements.password.select()
}

const question = () => call('POST', '/auth/login/options', { method: 'passkey', remember: byId('login-remember').checked })

// signIn has a passkey say who it is.
async function signIn({ challenge, options }, mediation) {
  const response = await get(options, mediation)
  const answer = await call('POST', '/auth/login/verify', { challenge: challenge.id, method: 'passkey', response })
  waits = false
  if (answer.data?.code === 'invalid_credentials') return say('This passkey opens no account here.')
  await enter(answer)
}

async function withPasskey() {
  const put = await question()
  if (!good(put)) return say(words(put))
  try {
    await signIn(put.data)
  } catch (error) {
    say(explain(error))
    offer()
  }
}

// offer has the browser offer passkeys among what it fills in, and ends when the user picks one: nobody waits for it. What it is to sign is good for five minutes, so whoever takes
// longer gets something new meanwhile.
const renewal = 4 * 60_000
let waits = false
let since = 0
async function offer(anew) {
  if (user || document.hidden || byId('proof').open) return
  if (waits && !anew && Date.now() - since < renewal) return
  waits = true
  since = Date.now()
  const mine = since
  if (!(await autofills())) return
  const put = await question()
  if (!good(put) || user) { waits = false; return }
  try {
    await signIn(put.data, 'conditional')
  } catch {
    if (mine === since) waits = false // something else is going on
  }
}

// sensitively does what may need a fresh proof first, and null when the user gives none (RFC 9470).
async function sensitively(method, path, body) {
  const answer = await call(method, path, body)
  if (answer.data?.code !== 'step_up_required') return answer
  const begun = await call('POST', '/auth/step-up')
  if (!good(begun)) return begun
  const proven = await meet(begun.data.challenge, 'Prove that it is you', user.email)
  if (!proven || !good(proven)) return proven
  await changed()
  return call(method, path, body)
}

// did tells how it went, and returns what came back if it went well.
async function did(answer, done) {
  if (answer?.status === 401) await check()
  say(!answer ? 'Nothing was changed.' : good(answer) ? done(answer.data) : words(answer))
  return answer && good(answer) ? answer.data : null
}

async function addPasskey(form) {
  const offered = await sensitively('POST', '/auth/factors', { method: 'passkey' })
  if (!offered || !good(offered)) return did(offered)
  let response
  try {
    response = await create(offered.data.options)
  } catch (error) {
    return say(explain(error))
  }
  const answer = await sensitively('POST', '/auth/factors/bind', { offer: offered.data.offer.id, response, name: byId('add-name').value })
  if (answer?.status >= 400 && answer.status < 500) await forget(response.id) // the device has it, and nobody knows it
  if (await did(answer, () => 'The passkey is added.')) added(form, answer)
}

async function addApp() {
  const offered = await sensitively('POST', '/auth/factors', { method: 'totp' })
  if (!offered || !good(offered)) return did(offered)
  const { secret, qr_svg } = offered.data.options
  byId('app-secret').textContent = secret
  byId('app-qr').replaceChildren(new DOMParser().parseFromString(qr_svg, 'image/svg+xml').documentElement)
  byId('app').dataset.offer = offered.data.offer.id
  byId('app').hidden = false
  byId('app-code').focus()
}

async function bindApp(form) {
  const answer = await sensitively('POST', '/auth/factors/bind', { offer: form.dataset.offer, code: byId('app-code').value })
  if (!await did(answer, () => 'The app is added.')) return
  form.hidden = true
  added(form, answer)
}

// added shows what came with a new factor: with the first one, recovery codes.
async function added(form, answer) {
  form.reset()
  showCodes(answer.data.recovery_codes)
  await changed()
}

function showCodes(codes) {
  if (!codes) return
  byId('codes-list').replaceChildren(...codes.map((c) => {
    const item = document.createElement('li')
    item.append(Object.assign(document.createElement('code'), { textContent: c }))
    return item
  }))
  byId('codes').hidden = false
  byId('codes-title').focus()
}

function hideCodes() {
  byId('codes-list').textContent = ''
  byId('codes').hidden = true
  byId('factors-title').focus()
}

async function showFactors() {
  const answer = await call('GET', '/auth/factors')
  if (answer.status === 200) list(byId('factors'), answer.data.items, { rename, remove, renew })
}

async function rename(factor, name) {
  await did(await call('PATCH', `/auth/factors/${factor.id}`, { name }), () => 'The new name is kept.')
  await changed()
}

async function remove(factor) {
  const gone = await did(await sensitively('DELETE', `/auth/factors/${factor.id}`), () => 'It opens your account no more.')
  if (gone && factor.method === 'passkey') await forget(factor.id.slice('passkey.'.length))
  await changed()
  byId('factors-title').focus()
}

async function renew() {
  const made = await did(await sensitively('POST', '/auth/factors/recovery-codes', {}), () => 'The old codes are worth nothing now.')
  await changed()
  showCodes(made?.recovery_codes)
}

const transfer = async () => did(await sensitively('POST', '/transfer'), (data) => data.sent)

async function logout() {
  asked++ // what is under way is of before
  const answer = await call('POST', '/auth/logout')
  if (!good(answer)) return say(words(answer))
  await changed()
  byId('login-email').focus()
}

// on runs a step for an event of an element, and not twice at once.
function on(id, event, step) {
  const element = byId(id)
  element.addEventListener(event, async (e) => {
    e.preventDefault()
    if (element.ariaBusy === 'true') return
    element.ariaBusy = 'true'
    say('')
    try {
      await step(element)
    } finally {
      element.ariaBusy = 'false'
    }
  })
}

on('login', 'submit', submit)
on('signup', 'submit', submit)
on('login-passkey', 'click', withPasskey)
on('transfer', 'click', transfer)
on('logout', 'click', logout)
on('add', 'submit', addPasskey)
on('add-app', 'click', addApp)
on('app', 'submit', bindApp)
on('codes-kept', 'click', hideCodes)
byId('login-remember').addEventListener('change', () => offer(true))
byId('unsupported').hidden = supported
for (const id of ['login-passkey', 'add']) byId(id).hidden = !supported
tabs.addEventListener('message', check)
addEventListener('focus', check)
addEventListener('pageshow', (event) => { if (event.persisted) check() }) // back from the back-forward cache
document.addEventListener('visibilitychange', () => { if (!document.hidden) check() })
setInterval(offer, renewal / 8)
check()
