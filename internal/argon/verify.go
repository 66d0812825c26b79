package argon

import "context"

// Hash makes the hash of a new password, in PHC form. Errors are those of Do.
func (p *Pool) Hash(ctx context.Context, password []byte) (string, error) {
	var h Hash
	own := int(p.params.Memory)
	err := p.hashing(ctx, own, own, func(m []block) { h = p.params.hash(m, password) })
	if err != nil {
		return "", err
	}
	return h.String(), nil
}

// Burn does the work of Hash for nothing, so that nobody can tell by the time that there is no hash to verify.
func (p *Pool) Burn(ctx context.Context, password []byte) error {
	_, err := p.Hash(ctx, password)
	return err
}

// A Verifier is a hash on file, ours (Hash) or of another make.
type Verifier interface {
	Matches(password []byte) bool
	Memory() int // what Matches needs, in KiB
}

// Verdict is what Verify found.
type Verdict struct {
	OK    bool
	Fresh string // not empty: the password is right, and this hash should take the place of the one on file
}

// Verify holds the password against the hash on file. If that is of another make or outdated, the same turn also
// makes a new hash, whether the password is right or wrong: both take the same time. Errors are those of Do.
func (p *Pool) Verify(ctx context.Context, v Verifier, password []byte) (Verdict, error) {
	own, ok := v.(Hash)
	replace := !ok || own.Outdated(p.params)
	memory := own.Memory() // zero for another make, which takes its own
	if replace {
		memory = max(memory, int(p.params.Memory))
	}

	var verdict Verdict
	err := p.hashing(ctx, max(memory, v.Memory()), memory, func(m []block) {
		if ok {
			verdict.OK = own.matches(m, password)
		} else {
			verdict.OK = v.Matches(password)
		}
		if !replace {
			return
		}
		if fresh := p.params.hash(m, password); verdict.OK {
			verdict.Fresh = fresh.String()
		}
	})
	if err != nil {
		return Verdict{}, err
	}
	return verdict, nil
}
