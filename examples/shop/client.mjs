// A customer's story, told to a running shop: look, fill a cart as a guest, register, log out, fill another cart, sign
// in and find both merged, log out for good.
//
//   node client.mjs [url of the shop] [name of the token header]
//
// Each step says what it did. The first thing that is not as it should be ends the story with exit code 1.

import assert from 'node:assert/strict'
import process from 'node:process'

const [url = 'http://127.0.0.1:3001/graphql', header = 'shop-auth-token'] = process.argv.slice(2)

// The whole handling of sessions on the client's side: keep the token that comes in the response header, send it as a
// Bearer token from then on. The server sends one only when it is new.
let token

async function request(query, variables) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query, variables }),
  })
  token = response.headers.get(header) ?? token
  return response.json()
}

// ask is request for answers that must be without errors.
async function ask(query, variables) {
  const { data, errors } = await request(query, variables)
  assert.equal(errors, undefined, `unexpected errors: ${JSON.stringify(errors)}`)
  return data
}

// refused is request for what must fail with a code, and be null.
async function refused(code, query, variables) {
  const { data, errors } = await request(query, variables)
  assert.deepEqual(errors?.map((e) => e.extensions?.code), [code])
  assert.deepEqual(Object.values(data), [null])
}

const products = '{ products { id name price } }'
const cart = '{ cart { lines { product { name } quantity } total } }'
const me = '{ me { email } }'
const addItem = 'mutation ($id: ID!, $n: Int!) { addItem(productId: $id, quantity: $n) { total } }'
const register = 'mutation ($email: String!, $password: String!) { register(email: $email, password: $password) { email } }'
const login = 'mutation ($email: String!, $password: String!) { login(email: $email, password: $password) { email } }'
const logout = 'mutation { logout }'

async function inCart() {
  const lines = (await ask(cart)).cart.lines
  return Object.fromEntries(lines.map((line) => [line.product.name, line.quantity]))
}

const email = `ana-${crypto.randomUUID()}@example.com`
const password = 'a cloak for rainy days'
const say = (text) => console.log(text)

const catalogue = (await ask(products)).products
assert.equal(catalogue.length, 3)
assert.deepEqual(await inCart(), {})
assert.equal(token, undefined)
say(`looked at ${catalogue.length} products and an empty cart: no session began`)

await refused('UNAUTHENTICATED', me)
assert.equal(token, undefined)
say('asked who I am: nobody, and no session began')

await ask(addItem, { id: '1', n: 1 })
const guest = token
assert.match(guest, /^crs_/)
say('put an umbrella into the cart: a guest session began, its token came in the header')

await ask(addItem, { id: '1', n: 1 })
assert.equal(token, guest)
assert.deepEqual(await inCart(), { Umbrella: 2 })
say('put in another: the same session, the token was not sent again')

await refused('INVALID_CREDENTIALS', login, { email, password })
assert.equal(token, guest)
assert.deepEqual(await inCart(), { Umbrella: 2 })
say('failed to sign in: the session and its cart are as they were')

assert.equal((await ask(register, { email, password })).register.email, email)
const first = token
assert.notEqual(first, guest)
assert.deepEqual(await inCart(), { Umbrella: 2 })
say('registered: a new token, the cart came along')

token = guest
await refused('UNAUTHENTICATED', me)
say("the guest's token is dead")

token = first
assert.equal((await ask(logout)).logout, true)
await refused('UNAUTHENTICATED', me)
say('logged out: this token is dead too')

token = undefined
await ask(addItem, { id: '1', n: 5 })
await ask(addItem, { id: '3', n: 1 })
assert.equal((await ask(login, { email: ` ${email.toUpperCase()} `, password })).login.email, email)
assert.deepEqual(await inCart(), { Umbrella: 5, 'Top hat': 1 })
assert.equal((await ask(me)).me.email, email)
say('came back as a guest, filled another cart, signed in: the carts are merged')

const { data, errors } = await request('{ customers { email } me { email } products { id } }')
assert.deepEqual(errors.map((e) => [e.path, e.extensions.code]), [[['customers'], 'FORBIDDEN']])
assert.deepEqual(data, { customers: null, me: { email }, products: catalogue.map(({ id }) => ({ id })) })
say('asked for all customers beside other things: that field was refused, the others answered')

const last = token
assert.equal((await ask(logout)).logout, true)
token = last
await refused('UNAUTHENTICATED', me)
assert.equal(token, last)
say('logged out: the old token is refused')
