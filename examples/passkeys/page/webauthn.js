// All that talks to the device. What the server says is JSON, and so is what it gets: WebAuthn Level 3 has the conversions,
// and for browsers that do not yet, they are written out below.

const Credential = globalThis.PublicKeyCredential

export const supported = Boolean(Credential)

// autofills tells whether passkeys can be offered among what the browser fills in.
export const autofills = async () => (await Credential?.isConditionalMediationAvailable?.()) ?? false

// A page can ask for one thing at a time, so a new ceremony ends the one that waits in the autofill.
let current = { abort() {}, ended: Promise.resolve() }

async function ceremony(begin) {
  const controller = new AbortController()
  const before = current
  const ended = before.ended.then(() => begin(controller.signal))
  current = { abort: () => controller.abort(), ended: ended.catch(() => {}) }
  before.abort()
  return toJSON(await ended)
}

// stop ends what waits in the autofill.
export const stop = () => current.abort()

// create has the device make a passkey, and returns what the server is to know of it.
export const create = ({ publicKey }) => ceremony((signal) => navigator.credentials.create({
  publicKey: Credential.parseCreationOptionsFromJSON?.(publicKey) ?? creationOptions(publicKey),
  signal,
}))

// get has a device sign. With the mediation "conditional" no window opens: it waits until the user picks a passkey where the
// browser fills in.
export const get = ({ publicKey }, mediation) => ceremony((signal) => navigator.credentials.get({
  publicKey: Credential.parseRequestOptionsFromJSON?.(publicKey) ?? requestOptions(publicKey),
  mediation,
  signal,
}))

// forget tells the device that a passkey is worth nothing any more, so that it does not offer it.
export async function forget(credentialId) {
  try {
    await Credential?.signalUnknownCredential?.({ rpId: location.hostname, credentialId })
  } catch { /* then it is offered, and refused */ }
}

// explain says for people why a ceremony came to nothing. Browsers tell little, so that pages cannot find out who has which
// passkeys.
export function explain(error) {
  switch (error.name) {
    case 'AbortError': return ''
    case 'NotAllowedError': return 'It was cancelled, or your device could not make sure that it is you.'
    case 'InvalidStateError': return 'This device has a passkey for this account already.'
  }
  return 'Your browser cannot do this here.'
}

const bytes = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0))
const text = (buffer) => buffer && btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
const named = (list) => list?.map((c) => ({ ...c, id: bytes(c.id) }))

const creationOptions = (o) => ({
  ...o, challenge: bytes(o.challenge), user: { ...o.user, id: bytes(o.user.id) }, excludeCredentials: named(o.excludeCredentials),
})

const requestOptions = (o) => ({ ...o, challenge: bytes(o.challenge), allowCredentials: named(o.allowCredentials) })

function toJSON(credential) {
  if (credential.toJSON) return credential.toJSON()
  const { id, rawId, type, response } = credential
  return {
    id, rawId: text(rawId), type, clientExtensionResults: credential.getClientExtensionResults(),
    response: {
      clientDataJSON: text(response.clientDataJSON),
      attestationObject: text(response.attestationObject),
      transports: response.getTransports?.(),
      authenticatorData: text(response.authenticatorData),
      signature: text(response.signature),
      userHandle: text(response.userHandle) || undefined,
    },
  }
}
