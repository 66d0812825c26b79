package storetest

import (
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func searches(run runner) {
	run("Search finds what e-mail or name contain in lower case, whatever the script", searchText)
	run("Search has no wildcards", searchWild)
	run("Search finds what a user has now", searchChanged)
	run("Search is of a realm, pages, and goes together with Role", searchPages)
	run("LeavingBefore finds those who leave at or before it, in order of id", leavingFound)
	run("LeavingBefore goes together with the rest of the query", leavingTogether)
}

// called stores a user of this e-mail and name, who stays.
func (w *world) called(email, name string) cloakroom.User {
	w.Helper()
	u := w.user()
	u.Email, u.Name, u.LeavesAt = email, name, time.Time{}
	return w.stored(u)
}

// finds asserts which users match.
func (w *world) finds(q cloakroom.UserQuery, want []cloakroom.User, law string) {
	w.Helper()
	q.Realm = realm
	if q.Max == 0 {
		q.Max = 100
	}
	got, err := w.store.Users(w.Context(), q)
	w.ok(err, law)
	same(w, got, want, law)
}

func searchText(w *world) {
	ana := w.called("ana@example.com", "Ana ÖZTÜRK")
	straße := w.called("straße@example.org", "ΣΟΦΙΑ Großmann")
	empty := w.called("", "")
	for search, want := range map[string][]cloakroom.User{
		"":             {ana, straße, empty},
		"ana":          {ana},
		"ana öztürk":   {ana},
		"öz":           {ana},
		"σοφια":        {straße},
		"ß":            {straße},
		"@example":     {ana, straße},
		"example.com":  {ana},
		"groß":         {straße},
		"ANA":          nil, // no text in lower case contains it
		"ÖZ":           nil,
		"o\u0308z":     nil, // other code points
		"ana  öztürk":  nil,
		"example.comm": nil,
	} {
		w.finds(cloakroom.UserQuery{Search: search}, want, "Search of "+search)
	}
}

func searchWild(w *world) {
	plain := w.called("plain@example.com", "Plain")
	percent := w.called("percent@example.com", "100 % _sure_ C:\\temp 'quoted' \"twice\" [a-z]* ?")
	for _, search := range []string{"%", "_", "_s", `\`, `\t`, `:\temp`, "'", `"`, "[a-z]", "*", "?", "100 %"} {
		w.finds(cloakroom.UserQuery{Search: search}, []cloakroom.User{percent}, "Search is text, not a pattern: "+search)
	}
	for _, search := range []string{"p%n", "pl_in", `pl\ain`, "pl*n", "^plain", "plain$", "."} {
		want := []cloakroom.User(nil)
		if search == "." {
			want = []cloakroom.User{plain, percent}
		}
		w.finds(cloakroom.UserQuery{Search: search}, want, "Search is text, not a pattern: "+search)
	}
}

func searchChanged(w *world) {
	u := w.called("before@example.com", "Before")
	u.Email, u.Name = "after@example.com", "ÄFTER"
	w.ok(w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: u}), "UpdateUser")
	u.Revision++
	w.finds(cloakroom.UserQuery{Search: "before"}, nil, "what it was called before finds nobody")
	w.finds(cloakroom.UserQuery{Search: "after@"}, []cloakroom.User{u}, "the new e-mail finds it")
	w.finds(cloakroom.UserQuery{Search: "äfter"}, []cloakroom.User{u}, "the new name finds it")
	w.ok(w.store.DeleteUser(w.Context(), u.ID, "", w.ending()), "DeleteUser")
	w.finds(cloakroom.UserQuery{Search: "after"}, nil, "who was deleted is not found")
}

func searchPages(w *world) {
	var anas []cloakroom.User
	for range 5 {
		anas = append(anas, w.called("", "Ana"))
		w.called("", "Bob")
	}
	stranger := w.user()
	stranger.Realm, stranger.Name = "other", "Ana"
	w.stored(stranger)
	author := w.holder("critic")
	author.Name, author.LeavesAt = "Mariana", time.Time{}
	anas = append(anas, w.stored(author))
	w.stored(w.holder("critic"))
	w.finds(cloakroom.UserQuery{Search: "ana", Max: 4}, anas[:4], "up to Max of the realm")
	w.finds(cloakroom.UserQuery{Search: "ana", Max: 4, After: anas[3].ID}, anas[4:], "and the next page")
	w.finds(cloakroom.UserQuery{Search: "ana", Role: "critic"}, anas[5:], "Search and Role are both true")
	w.finds(cloakroom.UserQuery{Search: "ana", Role: "editor", After: anas[1].ID, Max: 2}, anas[2:4], "Search, Role and After are all true")
}

// leaving stores users who leave at these times from now, and one who stays.
func (w *world) leaving(in ...time.Duration) (leaving []cloakroom.User) {
	w.Helper()
	w.called("stays@example.com", "Stays")
	for _, d := range in {
		u := w.user()
		u.LeavesAt = w.now.Add(d)
		leaving = append(leaving, w.stored(u))
	}
	return leaving
}

func leavingFound(w *world) {
	all := w.leaving(0, tick, -day, day, -tick, -30000*day)
	stranger := w.user()
	stranger.Realm, stranger.LeavesAt = "other", w.now
	w.stored(stranger)
	due := []cloakroom.User{all[0], all[2], all[4], all[5]}
	west := time.FixedZone("west", -11*3600)
	w.finds(cloakroom.UserQuery{LeavingBefore: w.now.In(west)}, due, "those who leave at or before it, in order of id")
	w.finds(cloakroom.UserQuery{LeavingBefore: w.now, Max: 3}, due[:3], "up to Max")
	w.finds(cloakroom.UserQuery{LeavingBefore: w.now, Max: 3, After: due[2].ID}, due[3:], "and the next page")
	w.finds(cloakroom.UserQuery{LeavingBefore: w.now.Add(100 * 365 * day)}, all, "who stays never leaves")

	stays := all[2]
	stays.LeavesAt = time.Time{}
	w.ok(w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: stays}), "UpdateUser")
	w.finds(cloakroom.UserQuery{LeavingBefore: w.now}, []cloakroom.User{all[0], all[4], all[5]}, "who stays after all does not leave")
	w.ok(w.store.DeleteUser(w.Context(), all[0].ID, "", w.ending()), "DeleteUser")
	w.finds(cloakroom.UserQuery{LeavingBefore: w.now}, all[4:], "who is gone does not leave")
}

func leavingTogether(w *world) {
	all := w.leaving(-day, -day, day)
	chosen := all[1]
	chosen.Name, chosen.Roles = "Chosen", []string{"critic"}
	w.ok(w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: chosen}), "UpdateUser")
	chosen.Revision++
	w.stored(w.holder("critic"))
	w.finds(cloakroom.UserQuery{LeavingBefore: w.now, Search: "chosen"}, []cloakroom.User{chosen}, "with Search")
	w.finds(cloakroom.UserQuery{LeavingBefore: w.now, Role: "critic"}, []cloakroom.User{chosen}, "with Role")
	w.finds(cloakroom.UserQuery{LeavingBefore: w.now, Role: "critic", Search: "chosen"}, []cloakroom.User{chosen}, "with both")
	w.finds(cloakroom.UserQuery{LeavingBefore: w.now, Role: "critic", Search: "stays"}, nil, "all of it is true")
}
