package valkey

import (
	"context"
	"crypto/sha1"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

//go:embed lua/*.lua
var lua embed.FS

// script is a verb as the server runs it: all of it or nothing, and nothing in between.
type script struct {
	body string
	sha  string // SHA-1 is how EVALSHA names a script; it protects nothing
}

// The verbs that write, and those that must see all of a bucket at one moment.
var (
	openScript       = newScript("open", writes)
	takeScript       = newScript("take", writes)
	touchScript      = newScript("touch", writes)
	renewScript      = newScript("renew", writes)
	rotateScript     = newScript("rotate", writes)
	closeScript      = newScript("close", deletes)
	closeUserScript  = newScript("closeuser", deletes)
	sessionsOfScript = newScript("sessionsof", deletes)
	setDatumScript   = newScript("setdatum", writes)
	putScript        = newScript("put", writes)
	ticketScript     = newScript("ticket", writes)
	countScript      = newScript("count", writes)
	dueScript        = newScript("due", reads)
	sweepScript      = newScript("sweep", deletes)
)

// What a script does, as its first line says it. A server that is full or a replica refuses by that before it begins,
// and so does not say of what it cannot change that it is not there.
const (
	reads   = "#!lua flags=no-writes\n"
	writes  = "#!lua\n"
	deletes = "#!lua flags=allow-oom\n"
)

func newScript(name, does string) *script {
	body := does + read("prelude") + read(name)
	sum := sha1.Sum([]byte(body))
	return &script{body: body, sha: hex.EncodeToString(sum[:])}
}

func read(name string) string {
	text, err := lua.ReadFile("lua/" + name + ".lua")
	if err != nil {
		panic(err) // the file is not in the program
	}
	return string(text)
}

// call is one run of a script in one bucket.
type call struct {
	*script
	bucket uint16
	keys   []string // beside the indexes of the bucket
	args   []string
}

// command is the call by the script's name, or with all of it.
func (l *Ledger) command(c call, whole bool) rueidis.Completed {
	at := l.at(c.bucket)
	keys := append([]string{at + "e", at + "g", at + "x"}, c.keys...)
	args := append([]string{at}, c.args...)
	if whole {
		return l.client.B().Eval().Script(c.body).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build()
	}
	return l.client.B().Evalsha().Sha1(c.sha).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build()
}

// run runs a script that writes. Once it returns, this Ledger reads what was written.
func (l *Ledger) run(ctx context.Context, c call) (rueidis.RedisMessage, error) {
	l.written.note(c.bucket)
	defer l.written.note(c.bucket)
	return l.query(ctx, l.once, c)
}

// keep is run for what must outlive the server: it waits for a replica, see replicas.go.
func (l *Ledger) keep(ctx context.Context, c call) (rueidis.RedisMessage, error) {
	l.written.note(c.bucket)
	defer l.written.note(c.bucket)
	return l.query(ctx, l.replicated, c)
}

// doing is a way to send a command: once or replicated.
type doing func(context.Context, rueidis.Completed) rueidis.RedisResult

func (l *Ledger) once(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	return l.client.Do(ctx, cmd)
}

// query runs a script of which Session sees nothing.
func (l *Ledger) query(ctx context.Context, do doing, c call) (rueidis.RedisMessage, error) {
	ctx, cancel, err := l.begin(ctx)
	if err != nil {
		return rueidis.RedisMessage{}, err
	}
	defer cancel()
	result := do(ctx, l.command(c, false))
	if noScript(result.Error()) { // the server has restarted, or is another one
		result = do(ctx, l.command(c, true))
	}
	message, err := result.ToMessage()
	return message, cause(ctx, err)
}

// many runs a script many times, in one go. The results are in the order of the calls.
func (l *Ledger) many(ctx context.Context, s *script, calls []call) ([]rueidis.RedisResult, error) {
	ctx, cancel, err := l.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	do := func() []rueidis.RedisResult {
		commands := make([]rueidis.Completed, len(calls))
		for i, c := range calls {
			commands[i] = l.command(c, false)
		}
		return l.client.DoMulti(ctx, commands...)
	}
	results := do()
	for _, r := range results {
		if noScript(r.Error()) {
			if err := l.load(ctx, s); err != nil {
				return nil, cause(ctx, err)
			}
			return do(), nil // none of these scripts minds to run twice
		}
	}
	return results, nil
}

// load gives a script to all servers.
func (l *Ledger) load(ctx context.Context, s *script) error {
	var errs []error
	loaded := false
	for addr, node := range l.client.Nodes() {
		err := node.Do(ctx, node.B().ScriptLoad().Script(s.body).Build()).Error()
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", addr, err))
		}
		loaded = loaded || err == nil
	}
	if loaded {
		return nil // who did not answer will not run it either
	}
	return errors.Join(errs...)
}

// texts is the answer of a script that gives texts.
func texts(answer rueidis.RedisMessage, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	return answer.AsStrSlice()
}

func noScript(err error) bool {
	e, ok := rueidis.IsRedisErr(err)
	return ok && e.IsNoScript()
}

// cause prefers what the context says about an error. The client keeps the deadline by a clock of its own, which may be a
// little ahead of the context's.
func cause(ctx context.Context, err error) error {
	if deadline, ok := ctx.Deadline(); ok && errors.Is(err, context.DeadlineExceeded) && time.Until(deadline) < 100*time.Millisecond {
		<-ctx.Done()
	}
	if err != nil && context.Cause(ctx) != nil {
		return context.Cause(ctx)
	}
	return err
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
