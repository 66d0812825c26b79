package sqlite

import (
	"errors"
	"time"

	"zombiezen.com/go/sqlite"
)

var errArguments = errors.New("statement and arguments do not fit")

// exec runs a statement that answers no rows and returns how many it changed.
func exec(c *sqlite.Conn, sql string, args ...any) (int, error) {
	err := each(c, sql, func(*sqlite.Stmt) {}, args...)
	if err != nil {
		return 0, err
	}
	return c.Changes(), nil
}

// one runs a statement that answers at most one row, and reports whether there was one.
func one(c *sqlite.Conn, sql string, row func(*sqlite.Stmt), args ...any) (found bool, err error) {
	err = each(c, sql, func(s *sqlite.Stmt) {
		found = true
		row(s)
	}, args...)
	return found, err
}

// each runs a statement and calls row for every row of its answer. The statement is prepared once for each connection.
func each(c *sqlite.Conn, sql string, row func(*sqlite.Stmt), args ...any) error {
	stmt, err := c.Prepare(sql)
	if err != nil {
		return err
	}
	if !bind(stmt, args) {
		return errArguments
	}
	for {
		more, err := stmt.Step()
		if err != nil {
			return err
		}
		if !more {
			return stmt.Reset() // or it would hold its snapshot, and with it the log
		}
		row(stmt)
	}
}

// bind sets ?1 and so on. It reports whether there were as many arguments as places, all of a type it knows.
func bind(stmt *sqlite.Stmt, args []any) bool {
	for i, arg := range args {
		switch v := arg.(type) {
		case nil:
			stmt.BindNull(i + 1)
		case string:
			stmt.BindText(i+1, v)
		case []byte:
			stmt.BindBytes(i+1, v)
		case int64:
			stmt.BindInt64(i+1, v)
		case int:
			stmt.BindInt64(i+1, int64(v))
		case bool:
			stmt.BindBool(i+1, v)
		case time.Time:
			stmt.BindInt64(i+1, v.UnixMicro())
		default:
			return false
		}
	}
	return len(args) == stmt.BindParamCount()
}

// moment reads a time. The zero time needs no case of its own: it is some number of microseconds like any other.
func moment(stmt *sqlite.Stmt, col int) time.Time { return time.UnixMicro(stmt.ColumnInt64(col)).UTC() }

// unlessZero writes a time that is seldom set: the zero time is NULL.
func unlessZero(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}

// momentIfAny reads what unlessZero wrote.
func momentIfAny(stmt *sqlite.Stmt, col int) time.Time {
	if stmt.ColumnIsNull(col) {
		return time.Time{}
	}
	return moment(stmt, col)
}

// blob reads bytes; the slice is the caller's and never nil.
func blob(stmt *sqlite.Stmt, col int) []byte {
	b := make([]byte, stmt.ColumnLen(col))
	stmt.ColumnBytes(col, b)
	return b
}
