// Package argon makes and checks argon2id password hashes (RFC 9106), few at a time.
//
// A hash is made to cost memory and time, so whoever makes us hash makes us pay: thirty sign-ins at once, 19 MiB each,
// fill a small machine. A Pool bounds that. It has a fixed number of worker slots, one hash takes one slot, whoever
// finds none waits in a short queue, and past the queue the answer is BusyError at once, with the time after which
// it is worth to come again. Work of other kinds that costs alike (old hash formats) goes through the same slots.
//
//	pool, err := argon.NewPool(argon.Config{})
//	phc, err := pool.Hash(ctx, password)           // "$argon2id$v=19$m=19456,t=2,p=1$…$…"
//	hash, err := argon.Parse(phc)
//	verdict, err := pool.Verify(ctx, hash, password)
//
// What is read from a store is not trusted: Parse takes one spelling only and refuses costs that nobody means.
//
// Memory: x/crypto allocates the blocks anew for every hash and has no way to hand them in, so what a finished hash
// used waits for the garbage collector. Live memory is at most workers × Params.Memory (or that of one stored hash
// that is larger than all of it); the process holds up to twice that between two collections. Set GOMEMLIMIT where it
// must be less.
//
// Not here: what a good password is, users, or what to answer; see method/password. A Pool accepts weak parameters,
// because tests want them; Params.Weak tells.
package argon
