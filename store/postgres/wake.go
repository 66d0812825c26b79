package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

var errPollOnly = errors.New("connections keep nothing between transactions here: the feed is polled")

// listenCheck is how often a connection that hears nothing is asked whether it is still there.
const listenCheck = 15 * time.Second

// channelOf names the notifications of the feed in this schema. Names in PostgreSQL are short, so it is a hash.
func channelOf(schema string) string {
	sum := sha256.Sum256([]byte(schema))
	return "cloakroom_feed_" + hex.EncodeToString(sum[:8])
}

// Wake implements cloakroom.Waker by LISTEN on a connection of its own. It rings once when it begins to listen, for what
// it missed before, and returns when the connection is lost: whoever wants to hear more calls again, in a while. Behind a
// pooler it returns at once.
func (s *Store) Wake(ctx context.Context, ring func()) error {
	if !s.listens {
		return fmt.Errorf("wake: %w", errPollOnly)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-s.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := s.listen(ctx, ring); err != nil {
		return fmt.Errorf("wake: %w", s.told(err))
	}
	return nil
}

func (s *Store) listen(ctx context.Context, ring func()) error {
	conn, err := pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackPatience)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{s.channel}.Sanitize()); err != nil {
		return err
	}
	for ring(); ; ring() {
		if err := s.await(ctx, conn); err != nil {
			return err
		}
	}
}

// await waits for a notification. A connection whose other end is gone says nothing either, so it is asked now and then.
func (s *Store) await(ctx context.Context, conn *pgx.Conn) error {
	for {
		quiet, cancel := context.WithTimeout(ctx, listenCheck)
		_, err := conn.WaitForNotification(quiet)
		over := quiet.Err() != nil
		cancel()
		if err == nil || ctx.Err() != nil || !over {
			return err
		}
		asked, cancel := context.WithTimeout(ctx, s.patience)
		err = conn.Ping(asked)
		cancel()
		if err != nil {
			return err
		}
	}
}
