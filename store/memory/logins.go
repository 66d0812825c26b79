package memory

import "github.com/cloakroom-auth/cloakroom"

// identifier is what a user is unique by in a realm: an e-mail, or the id that another system has given it.
type identifier struct {
	realm    string
	external bool
	text     string
}

// identifiers are those of a user. Users without one do not collide.
func identifiers(u cloakroom.User) (all []identifier) {
	if u.Email != "" {
		all = append(all, identifier{u.Realm, false, u.Email})
	}
	if u.ExternalID != "" {
		all = append(all, identifier{u.Realm, true, u.ExternalID})
	}
	return all
}

// taken reports whether an identifier of the user finds somebody else.
func (s *Store) taken(u cloakroom.User) bool {
	for _, i := range identifiers(u) {
		if id, known := s.logins[i]; known && id != u.ID {
			return true
		}
	}
	return false
}

// identify lets the user be found by its identifiers.
func (s *Store) identify(u cloakroom.User) {
	for _, i := range identifiers(u) {
		s.logins[i] = u.ID
	}
}

// unidentify undoes identify.
func (s *Store) unidentify(u cloakroom.User) {
	for _, i := range identifiers(u) {
		delete(s.logins, i)
	}
}
