package seal

// SealUnder encrypts plain so that only who presents secret again can read it: a refresh token's successor, say, under
// the random bytes of the token it follows, of which the store has no more than a hash. secret is uniformly random.
// label names the purpose and id the subject (a session's id); both must be the same to open.
//
// The result reads version (1 byte, 1) ‖ nonce (12 bytes) ‖ ciphertext ‖ tag (16 bytes). One message is kept under each
// secret, but callers who race may each have sealed another one before the store chooses among them; that is why the
// nonce is random here too and not fixed.
func SealUnder(secret [32]byte, label, id string, plain []byte) []byte {
	return newAEAD(secret[:], under+label).Seal([]byte{version}, nil, plain, join(label, id))
}

// OpenUnder returns what SealUnder sealed with the same secret, label and id. The only error is ErrOpen.
func OpenUnder(secret [32]byte, label, id string, sealed []byte) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != version {
		return nil, ErrOpen
	}
	plain, err := newAEAD(secret[:], under+label).Open(nil, nil, sealed[1:], join(label, id))
	if err != nil {
		return nil, ErrOpen
	}
	return plain, nil
}

// under begins the HKDF label of every key made here.
const under = "cloakroom seal under "
