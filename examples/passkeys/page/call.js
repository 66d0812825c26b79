// call returns the status and the JSON of an answer. Status 0: there was none. Calls go out one after the other: an answer
// may bring another cookie, and the next one is to have it.
let line = Promise.resolve()
export const call = (...what) => (line = line.then(() => send(...what)))

async function send(method, path, body) {
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

// good reports whether what was asked for was done.
export const good = ({ status }) => status >= 200 && status < 300

// words says for people what went wrong.
export function words({ status, after, data }) {
  switch (data?.code) {
    case 'invalid_credentials': return 'This does not fit. Try again.'
    case 'wrong_answer': return 'This was not right. Try again.'
    case 'invalid_challenge': return 'That took too long. Begin again.'
    case 'email_taken': return 'This e-mail has an account already. Sign in with it.'
    case 'last_method': return 'This is the only way into your account. Add another first.'
    case 'rate_limited': case 'mfa_locked': return `Too many tries. Try again in ${after} seconds.`
    case 'validation_failed': return data.errors.map((e) => `The ${e.field} ${e.message}.`).join(' ')
    case 'unauthenticated': case 'invalid_token': return 'You are signed out.'
    case 'user_banned': return 'This account is blocked.'
  }
  return status === 0 ? 'The server cannot be reached.' : 'This did not work. Try again later.'
}
