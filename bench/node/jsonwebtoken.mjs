// jsonwebtoken with HS256 behind express: nothing can be revoked.
import express from "express";
import jwt from "jsonwebtoken";

const key = "0123456789abcdef0123456789abcdef";

export const handler = express();
handler.get("/hello", (request, response) => {
	const [scheme, token] = (request.get("Authorization") ?? "").split(" ");
	let claims;
	try {
		claims = scheme === "Bearer" && jwt.verify(token, key, { algorithms: ["HS256"] });
	} catch {
		claims = undefined;
	}
	if (!claims) {
		return response.sendStatus(401);
	}
	response.type("text/plain").send(`hello, ${claims.name}\n`);
});

export const open = async (i) =>
	`Authorization: Bearer ${jwt.sign({ name: "Ana" }, key, { subject: `usr_${i}`, jwtid: String(i), expiresIn: "14d" })}`;
