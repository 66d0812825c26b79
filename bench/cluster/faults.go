package main

import (
	"fmt"
	"strings"
	"time"
)

// fault is something that goes wrong, and is mended.
type fault struct {
	name, what string
	on         []string // the stores on which it can happen
	// inject makes it happen, calls hit just then, lets it last for about this long and mends it.
	inject func(w *world, j *journal, lasts time.Duration, hit func()) error
	// seamless: whoever asks another node when one does not answer notices nothing.
	seamless bool
	// hurts: some request must have been refused or lost, or nothing was shown.
	hurts bool
}

var clusters = []string{onPostgres, onValkey}

// faults is the table, in the order in which they come.
func faults() []fault {
	return []fault{
		{"node-kill", "a node is killed (SIGKILL) and started again, then another one", clusters, killNodes, true, true},
		{"postgres-restart", "PostgreSQL is stopped as by a crash and started again", clusters, restartPostgres, false, true},
		{"promotion", "PostgreSQL dies; its synchronous standby is promoted in its place", clusters, promote, false, true},
		{"feed-hole", "what one node and the database say to each other gets lost; nobody is told", clusters, between1(hole), true, false},
		{"feed-reset", "connections of one node to the database are reset, new ones too", clusters, between1(cut), true, true},
		{"feed-slow", "the database is 100 ms away from one node", clusters, slowFeed, true, false},
		{"valkey-failover", "a master of Valkey dies with writes that its replica has not; the replica takes over", []string{onValkey}, failOver, false, true},
		{"valkey-flush", "FLUSHALL on all masters of Valkey", []string{onValkey}, flush, true, false},
		{"clock-jump", "the clock of one node is 10 minutes ahead, then 10 minutes behind", clusters, jumpClock, true, false},
		{"disk-full", "there is no room for the next write", []string{onSQLite}, fillDisk, false, true},
		{"rolling-restart", "a schema step of the next version while nodes serve, then each node is restarted", clusters, roll, true, false},
	}
}

func killNodes(w *world, _ *journal, lasts time.Duration, hit func()) error {
	hit()
	for _, n := range w.nodes[:2] {
		n.kill()
		time.Sleep(lasts / 2)
		if err := n.start(); err != nil {
			return err
		}
	}
	return nil
}

func restartPostgres(w *world, _ *journal, lasts time.Duration, hit func()) error {
	hit()
	if err := w.postgres.Kill(); err != nil {
		return err
	}
	time.Sleep(lasts)
	return w.postgres.Start()
}

// promote has a synchronous standby: what a client was told is on both. An asynchronous one would lose the last of it, and no
// program behind it could know.
func promote(w *world, _ *journal, lasts time.Duration, hit func()) error {
	w.standbys++
	standby, err := w.postgres.Standby(fmt.Sprintf("%s/postgres%d", w.dir, w.standbys))
	if err != nil {
		return err
	}
	old := w.postgres
	if _, err := old.Exec("", "ALTER SYSTEM SET synchronous_standby_names = '*'; SELECT pg_reload_conf()"); err != nil {
		return err
	}
	if err := until(func() (bool, error) {
		state, err := old.Exec("", "SELECT sync_state FROM pg_stat_replication")
		return state == "sync", err
	}); err != nil {
		return err
	}
	time.Sleep(lasts / 2)
	hit()
	if err := old.Kill(); err != nil {
		return err
	}
	w.postgres = standby
	time.Sleep(lasts / 2)
	if err := standby.Promote(); err != nil {
		return err
	}
	for _, p := range w.proxies {
		p.aim(w.primary())
	}
	return nil
}

// until asks until it is so.
func until(so func() (bool, error)) error {
	for deadline := time.Now().Add(recovery); ; time.Sleep(10 * time.Millisecond) {
		is, err := so()
		if is || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited in vain for %v", recovery)
		}
	}
}

// between1 is a fault between the first node and the database.
func between1(m mode) func(*world, *journal, time.Duration, func()) error {
	return func(w *world, _ *journal, lasts time.Duration, hit func()) error {
		hit()
		w.proxies[0].turn(m)
		time.Sleep(lasts)
		w.proxies[0].turn(pass)
		return nil
	}
}

func slowFeed(w *world, _ *journal, lasts time.Duration, hit func()) error {
	hit()
	w.proxies[0].slow(100 * time.Millisecond)
	time.Sleep(lasts)
	w.proxies[0].turn(pass)
	return nil
}

// jumpClock goes as far as the feed allows for: what is revoked is told for ten minutes longer than a token can live.
func jumpClock(w *world, _ *journal, lasts time.Duration, hit func()) error {
	const far = 10 * time.Minute
	hit()
	for _, by := range []time.Duration{far, -far, 0} {
		w.desks[0].jump(by)
		time.Sleep(lasts / 2)
	}
	return nil
}

func fillDisk(w *world, _ *journal, lasts time.Duration, hit func()) error {
	hit()
	pid := w.nodes[0].cmd.Process.Pid
	if err := w.disk.fill(pid); err != nil {
		return err
	}
	time.Sleep(lasts)
	return w.disk.free(pid)
}

// nextVersion is what a migration of the next version does, of the kind that programs of this one can live with: a column and
// a table that they do not know.
const nextVersion = `SET lock_timeout = '5s'; SET search_path = cloakroom;
	BEGIN;
	ALTER TABLE users ADD COLUMN next_version text NOT NULL DEFAULT '';
	ALTER TABLE sessions ADD COLUMN next_version bigint NOT NULL DEFAULT 0;
	ALTER TABLE feed ADD COLUMN next_version smallint NOT NULL DEFAULT 0;
	CREATE TABLE next_version (id bigint NOT NULL PRIMARY KEY);
	INSERT INTO migrations (version, name, compatible, applied_at)
		SELECT max(version) + 1, 'next_version', max(compatible), max(applied_at) FROM migrations;
	COMMIT;`

func roll(w *world, _ *journal, lasts time.Duration, hit func()) error {
	hit()
	if err := until(func() (bool, error) {
		_, err := w.postgres.Exec("", nextVersion)
		if err != nil && strings.Contains(err.Error(), "deadlock detected") { // a step of ours tries again then, too
			return false, nil
		}
		return true, err
	}); err != nil {
		return err
	}
	for _, n := range w.nodes {
		time.Sleep(lasts / time.Duration(len(w.nodes)))
		if err := n.stop(); err != nil {
			return err
		}
		if err := n.start(); err != nil {
			return err
		}
	}
	return nil
}
