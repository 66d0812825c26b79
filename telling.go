package cloakroom

import (
	"context"
)

// telling is the Store of an Auth. What ends or changes by it is told to this node before the verb returns, so that a
// log-out is true here before its answer leaves; other nodes hear it from the feed. A verb that fails may have done its
// work all the same, so that is told, too: nobody loses by asking the store once more.
type telling struct {
	Store
	feed *follower
	bell *bell
}

func (t telling) tell(subjects ...[32]byte) {
	t.feed.tell(subjects...)
	t.bell.ring()
}

func (t telling) UpdateUser(ctx context.Context, c UserChange) error {
	defer t.tell(subjectOf(c.User.ID))
	return t.Store.UpdateUser(ctx, c)
}

func (t telling) DeleteUser(ctx context.Context, id, keeps string, end Ending) error {
	defer t.tell(subjectOf(id))
	return t.Store.DeleteUser(ctx, id, keeps, end)
}

func (t telling) Append(ctx context.Context, entries []Revocation, events []EventRecord) error {
	subjects := make([][32]byte, len(entries))
	for i, e := range entries {
		subjects[i] = e.Subject
	}
	if len(subjects) > 0 {
		defer t.tell(subjects...)
	}
	return t.Store.Append(ctx, entries, events)
}

func (t telling) Open(ctx context.Context, o Opening) (Opened, error) {
	opened, err := t.Store.Open(ctx, o)
	var subjects [][32]byte
	if o.Replace != nil {
		subjects = append(subjects, o.Replace.Hash)
	}
	for _, id := range opened.Evicted {
		subjects = append(subjects, subjectOf(id))
	}
	if err != nil && o.Limit > 0 { // nobody knows who was evicted
		subjects = append(subjects, subjectOf(o.Session.UserID))
	}
	if len(subjects) > 0 {
		t.tell(subjects...)
	}
	return opened, err
}

func (t telling) Renew(ctx context.Context, r Renewal) error {
	defer t.tell(r.Old.Hash)
	return t.Store.Renew(ctx, r)
}

func (t telling) Close(ctx context.Context, ref SessionRef, end Ending) (bool, error) {
	defer t.tell(subjectOf(ref.ID))
	return t.Store.Close(ctx, ref, end)
}

// CloseUser tells of all sessions of the user: that those which stay are asked for once more is less than to tell of each.
func (t telling) CloseUser(ctx context.Context, bucket uint16, userID, keep string, end Ending) ([]string, error) {
	defer t.tell(subjectOf(userID))
	return t.Store.CloseUser(ctx, bucket, userID, keep, end)
}
