// The least that Node can do: what of a figure is the runtime's and not the session's.
export function handler(request, response) {
	response.setHeader("Content-Type", "text/plain; charset=utf-8");
	response.end("hello, Ana\n");
}

export const open = async () => `Cookie: session=s%3A${"x".repeat(80)}`;
