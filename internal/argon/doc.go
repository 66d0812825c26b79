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
// The computation is our own, written from the RFC and held to x/crypto's by test, because it must take its memory from
// us: 19 MiB anew for each hash kept the garbage collector busy and the process three times as large as it need be. The
// pool keeps the memory of a hash for the next one, and lets go of it when nobody has hashed for a minute. Kept or in
// use, it is never more than workers × Params.Memory, or one stored hash that is larger than all of it. Other makes
// (Verifier) use the heap. On Linux a hash gives way to other threads every half a millisecond, so that who is signed in
// already notices little of who signs in.
//
// Not here: what a good password is, users, or what to answer; see method/password. A Pool accepts weak parameters,
// because tests want them; Params.Weak tells.
package argon
