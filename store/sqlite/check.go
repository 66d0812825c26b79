package sqlite

import (
	"context"
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"
)

// Check reads the whole database at path and reports what is damaged (PRAGMA quick_check). It changes nothing and may
// run beside a server; on a large file it takes a while, and ends when ctx does.
func Check(ctx context.Context, path string) error {
	conn, err := connectExisting(path)
	if err != nil {
		return err
	}
	conn.SetInterrupt(ctx.Done())
	var damage []error
	err = each(conn, "PRAGMA quick_check(10)", func(s *sqlite.Stmt) {
		if line := s.ColumnText(0); line != "ok" {
			damage = append(damage, errors.New(line))
		}
	})
	if err := errors.Join(err, errors.Join(damage...), conn.Close()); err != nil {
		return fmt.Errorf("check %s: %w", path, err)
	}
	return nil
}
