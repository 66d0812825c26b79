// express-session with its memory store, and the settings that its manual asks for.
import express from "express";
import session from "express-session";
import { cookieOf } from "./cookie.mjs";

export const handler = express();
handler.use(session({ secret: "0123456789abcdef0123456789abcdef", resave: false, saveUninitialized: false }));
handler.get("/hello", (request, response) => {
	if (!request.session.user) {
		return response.sendStatus(401);
	}
	response.type("text/plain").send(`hello, ${request.session.name}\n`);
});
handler.post("/login/:id", (request, response) => {
	request.session.user = `usr_${request.params.id}`;
	request.session.name = "Ana";
	response.sendStatus(204);
});

export const open = async (i, url) => cookieOf(await fetch(`${url}/login/${i}`, { method: "POST" }));
