// better-auth with its cookie cache: for five minutes the session is believed from a signed cookie, revoked or not.
import { toNodeHandler } from "better-auth/node";
import { auth, signUp } from "./better-auth.mjs";
export { sessions } from "./better-auth.mjs";

export const handler = toNodeHandler(auth({ session: { cookieCache: { enabled: true, maxAge: 5 * 60 } } }));
export const open = signUp;
