// better-auth with its memory adapter, which is asked about each request, as it comes. Limits are off, as ours are. The
// adapter searches its tables from one end to the other, so there are few sessions. What a password costs is not measured
// here, so hashing is left out.
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { toNodeHandler } from "better-auth/node";
import { cookieOf } from "./cookie.mjs";

export const sessions = 64;

export const auth = (more) =>
	betterAuth({
		baseURL: "http://127.0.0.1",
		secret: "0123456789abcdef0123456789abcdef",
		database: memoryAdapter({ user: [], session: [], account: [], verification: [] }),
		emailAndPassword: {
			enabled: true,
			password: { hash: async (password) => password, verify: async ({ hash, password }) => hash === password },
		},
		rateLimit: { enabled: false },
		telemetry: { enabled: false },
		logger: { disabled: true },
		...more,
	});

export const signUp = async (i, url) =>
	cookieOf(
		await fetch(`${url}/api/auth/sign-up/email`, {
			method: "POST",
			headers: { "Content-Type": "application/json", Origin: "http://127.0.0.1" },
			body: JSON.stringify({ email: `user${i}@example.com`, name: "Ana", password: "correct horse battery staple" }),
		}),
	);

export const handler = toNodeHandler(auth({}));
export const open = signUp;
