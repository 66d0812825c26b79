package server

import (
	"crypto/subtle"

	"github.com/cloakroom-auth/cloakroom"
)

// settle is for how many polls a new secret only verifies before it signs. Several servers share one file, and each
// looks at it once in a poll: after one poll all of them know the secret, the second is for one that is late.
const settle = 2

// rotation brings the list of the secrets file into use in two steps, so that no server signs with a secret that
// another one does not know yet. It decides; the caller sets what it returns.
type rotation struct {
	signing cloakroom.Secret   // the one that signs now
	next    []cloakroom.Secret // the list to be taken when all know it; nil: none
	wait    int                // polls until then
}

// publish takes a list that was just read and returns the one to use now: the same list, and if the secret that signs
// is no longer the first of it, that one in front for a while. A secret that is not in the list any more signs nothing.
func (r *rotation) publish(list []cloakroom.Secret) []cloakroom.Secret {
	for i, s := range list {
		if i > 0 && subtle.ConstantTimeCompare(s, r.signing) == 1 {
			r.next, r.wait = list, settle
			return inFront(list, i)
		}
	}
	r.signing, r.next = list[0], nil
	return list
}

// poll counts one poll in which the file was as before. It returns the list to use from now on, or nil.
func (r *rotation) poll() []cloakroom.Secret {
	if r.next == nil {
		return nil
	}
	if r.wait--; r.wait > 0 {
		return nil
	}
	list := r.next
	r.signing, r.next = list[0], nil
	return list
}

// stay gives up the step that is due: the file is not what it was.
func (r *rotation) stay() { r.next = nil }

// inFront is list with its entry i before the others.
func inFront(list []cloakroom.Secret, i int) []cloakroom.Secret {
	moved := append(make([]cloakroom.Secret, 0, len(list)), list[i])
	moved = append(moved, list[:i]...)
	return append(moved, list[i+1:]...)
}
