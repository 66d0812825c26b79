// Package webhook signs messages as the Standard Webhooks specification 1.0.0 says (standardwebhooks.com), carries them
// to receivers that somebody else chose, and verifies them at a receiver written in Go.
//
// A Sender makes one attempt. Whoever calls it keeps the queue, and reads from the Refusal whether and when to try again:
//
//	err := sender.Send(ctx, webhook.Delivery{URL: hook.URL, Secrets: hook.Secrets, ID: event.ID, At: now, Body: body})
//	if refusal, ok := errors.AsType[*webhook.Refusal](err); ok && refusal.Permanent {
//		// give the endpoint up
//	}
//
// # Where it does not go
//
// The URL of a receiver is a stranger's text that makes this machine open connections, which is the whole of server-side
// request forgery (CWE-918). So each address is judged at the moment its socket connects: a name that answers
// differently the second time gains nothing. Refused are loopback, private, link-local, shared, multicast, broadcast,
// documentation and benchmark addresses, all other networks that IANA reserves, their IPv6 disguises (IPv4-mapped, IPv4-compatible,
// NAT64, 6to4, Teredo), and everything in IPv6 that is not global unicast, unless Sender.Allow names them. Ports are not
// judged: a public receiver may listen where it likes.
//
// Only https is spoken, with the certificate verified; http reaches only addresses inside Allow. Redirects are failures, as the
// specification advises. There is no proxy from the environment, no credential in a URL, no cookie and no connection that two
// deliveries share. Of an answer, 16 KiB of header and 4 KiB of body are read at most, and nothing of the body is kept.
//
// What cannot be seen from here is a NAT64 prefix of the network's own, or a public address that a router turns inward: where
// there is one, a firewall must say no.
//
// # Not here
//
// No queue, back-off or list of endpoints, no asymmetric signatures (v1a), and no memory of seen ids: a receiver that must
// not act twice remembers webhook-id for itself, for twice the tolerance it gives to Verify.
package webhook
