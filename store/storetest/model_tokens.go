package storetest

import (
	"pgregory.net/rapid"

	"github.com/cloakroom-auth/cloakroom"
)

func (b *book) rotate(t *rapid.T) {
	use := cloakroom.Touch{Token: b.token(t), SeenAt: b.now}
	s, found := b.owner(use.Token)
	chains := append([]cloakroom.RefreshChain{{Current: b.w.hash()}}, s.Refresh...)
	i := rapid.IntRange(0, len(chains)-1).Draw(t, "chain") // 0: of nobody
	next := b.w.successor(chains[i])
	err := b.w.store.Rotate(b.w.Context(), chains[i].Current, next, use)
	_, refusal := b.answer(use.Token)
	if found && i == 0 {
		refusal = cloakroom.ErrConflict
	}
	agreeOn(t, "Rotate", err, refusal)
	if refusal == nil {
		chains[i], s.Refresh, s.LastSeenAt = next, chains[1:], b.now
		b.live[s.ID] = s
	}
}

// chains draws what a session has in each of its forms.
func (b *book) chains(t *rapid.T) (all []cloakroom.RefreshChain) {
	for range rapid.IntRange(0, 2).Draw(t, "chains") {
		all = append(all, b.w.chain(rapid.IntRange(0, 2).Draw(t, "past")))
	}
	return all
}
