// The page knows no token: the cookie is HttpOnly. Who is signed in, only the server can say (GET /auth/session), and the
// page asks whenever it may have changed: after whatever it did itself, when the tab comes to the front again, when an
// answer is 401, and when another tab says that it did something. The last is only for quickness; what counts is
// what the server answers.

const byId = (id) => document.getElementById(id)
const tabs = new BroadcastChannel('session')

// call returns the status and the JSON of an answer. Status 0: there was none.
async function call(method, path, body) {
  try {
    const response = await fetch(path, {
      method,
      headers: body && { 'Content-Type': 'application/json' },
      body: body && JSON.stringify(body),
    })
    const text = await response.text()
    return { status: response.status, after: response.headers.get('Retry-After'), data: text && JSON.parse(text) }
  } catch {
    return { status: 0 }
  }
}

// words says for people what went wrong.
function words({ status, after, data }) {
  switch (data?.code) {
    case 'invalid_credentials': return 'Wrong e-mail or password.'
    case 'email_taken': return 'This e-mail has an account already. Sign in with it.'
    case 'rate_limited': return `Too many tries. Try again in ${after} seconds.`
    case 'validation_failed': return data.errors.map((e) => `The ${e.field} ${e.message}.`).join(' ')
    case 'user_banned': return 'This account is blocked.'
  }
  return status === 0 ? 'The server cannot be reached.' : 'This did not work. Try again later.'
}

// say puts a text into the live region, which screen readers read out.
const say = (text) => { byId('status').textContent = text }

let shown // id of the user the page shows; null: nobody; undefined: not known yet

function show(user) {
  if (shown !== (user?.id ?? null)) {
    byId('note').textContent = '' // it is somebody else's
    if (shown && !user) say('You are signed out.')
  }
  shown = user?.id ?? null
  byId('who').textContent = user ? `Signed in as ${user.email}` : ''
  byId('signed-in').hidden = !user
  byId('signed-out').hidden = Boolean(user)
}

// check asks who is signed in and shows it. Of several answers under way only the last one asked for counts. An answer
// that cannot tell changes nothing.
let asked = 0
async function check() {
  const mine = ++asked
  const { status, data } = await call('GET', '/auth/session')
  if (mine === asked && status === 200) show(data.user)
}

// changed is for after this tab signed in or out.
async function changed() {
  tabs.postMessage('changed')
  await check()
}

// submit sends the fields of a form as JSON.
async function submit(event) {
  event.preventDefault()
  const form = event.currentTarget
  if (form.ariaBusy === 'true') return // once is enough
  form.ariaBusy = 'true'
  say('')
  const fields = Object.fromEntries(new FormData(form))
  if ('remember' in fields) fields.remember = true
  const answer = await call('POST', new URL(form.action).pathname, fields)
  form.ariaBusy = 'false'
  if (answer.status !== 200 && answer.status !== 201) {
    say(words(answer))
    form.elements.password.select()
    return
  }
  form.reset() // no password stays in the page
  await changed()
  say('You are signed in.')
  byId('who').focus()
}

async function logout() {
  const answer = await call('POST', '/auth/logout')
  if (answer.status !== 204) return say(words(answer))
  await changed()
  byId('login-email').focus()
}

async function read() {
  const answer = await call('GET', '/note')
  if (answer.status === 401) return check()
  if (answer.status !== 200) return say(words(answer))
  byId('note').textContent = answer.data.note
}

byId('login').addEventListener('submit', submit)
byId('signup').addEventListener('submit', submit)
byId('logout').addEventListener('click', logout)
byId('read').addEventListener('click', read)
tabs.addEventListener('message', check)
addEventListener('focus', check)
addEventListener('pageshow', (event) => { if (event.persisted) check() }) // back from the back-forward cache
document.addEventListener('visibilitychange', () => { if (!document.hidden) check() })
check()
