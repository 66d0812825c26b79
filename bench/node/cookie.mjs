// cookieOf is the header field that sends back the cookies an answer has set.
export function cookieOf(answer) {
	const cookies = answer.headers.getSetCookie().map((c) => c.split(";", 1)[0]);
	if (!answer.ok || cookies.length === 0) {
		throw new Error(`signing in is answered ${answer.status} without a cookie`);
	}
	return `Cookie: ${cookies.join("; ")}`;
}
