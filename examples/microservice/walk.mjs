// What a page and a phone do with the two programs of this example. It says each step, and fails where one does not hold.
//
//   node microservice/walk.mjs [app] [orders]
import assert from 'node:assert/strict'

const app = process.argv[2] ?? 'http://127.0.0.1:3003'
const orders = process.argv[3] ?? 'http://127.0.0.1:3004'
const audience = 'https://orders.example'
const email = `ana-${Date.now()}@example.com`
const password = 'a cloak of midnight blue'

const post = (path, body, headers = {}) =>
  fetch(app + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: body && JSON.stringify(body),
  })
const call = (token, method = 'GET') => fetch(orders + '/orders', { method, headers: { Authorization: `Bearer ${token}` } })
const cookieOf = (answer) => answer.headers.getSetCookie().map((line) => line.split(';')[0]).join('; ')

// refusedSoon asks until the service refuses, and says how long that took. A log-out may take a second to get around.
async function refusedSoon(token) {
  const start = performance.now()
  for (;;) {
    const answer = await call(token)
    const passed = Math.round(performance.now() - start)
    if (answer.status === 401) return passed
    assert.equal(answer.status, 200, 'good until it is refused, and nothing in between')
    assert.ok(passed < 1000, 'the service still takes the token a second after the log-out')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

// A phone: bearer delivery, signed tokens. Its access token is for the app; the service wants one in its own name.
let answer = await post('/auth/signup', { email, password, delivery: 'bearer', token: 'signed' })
assert.equal(answer.status, 201)
let { tokens } = await answer.json()
console.log('phone: signed up, with an access token and a refresh token')

answer = await call(tokens.access_token)
assert.equal(answer.status, 401, 'a token for the app is none for the service')

answer = await post('/auth/token', { audience }, { Authorization: `Bearer ${tokens.access_token}` })
assert.equal(answer.status, 200)
const phone = (await answer.json()).access_token
answer = await call(phone)
assert.equal(answer.status, 200)
console.log('phone: the service answers', JSON.stringify(await answer.json()))
answer = await call(phone, 'DELETE')
assert.equal(answer.status, 403, 'Ana is no clerk')
console.log('phone: what needs the role clerk is refused')

answer = await post('/auth/refresh', { refresh_token: tokens.refresh_token })
assert.equal(answer.status, 200)
const next = (await answer.json()).tokens
answer = await post('/auth/refresh', { refresh_token: tokens.refresh_token })
assert.equal((await answer.json()).tokens.refresh_token, next.refresh_token)
console.log('phone: refreshed; the same token sent twice gave the same successor')

// A page: an opaque HttpOnly cookie, and a short signed token whenever it calls the service.
answer = await post('/auth/login', { email, password })
assert.equal(answer.status, 200)
const cookie = cookieOf(answer)
answer = await post('/auth/token', { audience }, { Cookie: cookie })
const page = (await answer.json()).access_token
assert.equal((await call(page)).status, 200)
console.log('page: signed in by cookie, and calls the service with a token made from it')

// The phone signs out. Its tokens are dead everywhere; the page stays signed in.
answer = await post('/auth/logout', undefined, { Authorization: `Bearer ${next.access_token}` })
assert.equal(answer.status, 204)
console.log(`phone: signed out; the service refused its token after ${await refusedSoon(phone)} ms`)
answer = await post('/auth/refresh', { refresh_token: next.refresh_token })
assert.equal(answer.status, 401, 'the refresh token died with the session')
assert.equal((await call(page)).status, 200, 'the page is another session')

answer = await post('/auth/logout', { scope: 'all' }, { Cookie: cookie })
assert.equal(answer.status, 204)
console.log(`page: signed out everywhere; the service refused its token after ${await refusedSoon(page)} ms`)
