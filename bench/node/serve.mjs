// Servers from Node's world that do what the Go programs beside this folder do. Called as
//
//	node serve.mjs KIND DIR
//
// it opens sessions, writes the header fields that carry them into DIR/credentials as JSON, says
// "listening on http://…" on standard error, and serves until SIGTERM. KIND is the name of a file beside this one.
import { writeFile } from "node:fs/promises";
import { once } from "node:events";
import { createServer } from "node:http";
import { join } from "node:path";

const [kind, dir] = process.argv.slice(2);

// handler answers requests; open makes session number i, given the address of the server, and returns its header field.
const { handler, open, sessions = 1000 } = await import(`./${kind}.mjs`);

const server = createServer(handler).listen(0, "127.0.0.1");
await once(server, "listening");
const address = `127.0.0.1:${server.address().port}`;

const credentials = [];
for (let i = 0; i < sessions; i++) {
	credentials.push(await open(i, `http://${address}`));
}
await writeFile(join(dir, "credentials"), JSON.stringify(credentials), { mode: 0o600 });

process.on("SIGTERM", () => process.exit(0));
console.error(`listening on http://${address}`);
