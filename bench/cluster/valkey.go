package main

import (
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/testbed"
)

// isMaster reports whether a server of the cluster is a master now.
func isMaster(v *testbed.Valkey) bool {
	role, err := v.Do("ROLE")
	return err == nil && strings.HasPrefix(role, "master")
}

func flush(w *world, j *journal, lasts time.Duration, hit func()) error {
	over := j.loses(time.Time{})
	hit()
	for _, v := range w.valkey.Nodes() {
		if isMaster(v) {
			if _, err := v.Do("FLUSHALL"); err != nil {
				return err
			}
		}
	}
	over()
	time.Sleep(lasts)
	return nil
}

// failOver makes sure that the master dies with writes that its replica has not: the replica is frozen and cut off before,
// and wakes up when the master is dead. Sessions opened meanwhile may be forgotten; so may the deletion of revoked ones, and
// these must stay dead all the same.
func failOver(w *world, j *journal, lasts time.Duration, hit func()) error {
	master, replica, err := pair(w.valkey)
	if err != nil {
		return err
	}
	over := j.loses(time.Now().Add(-time.Second))
	defer over()
	if err := syscall.Kill(replica.Pid(), syscall.SIGSTOP); err != nil {
		return err
	}
	_, err = master.Do("CLIENT", "KILL", "TYPE", "replica")
	time.Sleep(lasts / 2)
	hit()
	if err == nil {
		err = master.Kill()
	}
	if woken := syscall.Kill(replica.Pid(), syscall.SIGCONT); err == nil {
		err = woken
	}
	if err != nil {
		return err
	}
	if err := until(func() (bool, error) { return isMaster(replica), nil }); err != nil {
		return fmt.Errorf("the replica takes over: %w", err)
	}
	time.Sleep(lasts / 2)
	if err := master.Start(); err != nil {
		return err
	}
	return until(func() (bool, error) {
		told, err := master.Do("INFO", "replication")
		return strings.Contains(told, "master_link_status:up"), err
	})
}

// pair finds a master and its replica.
func pair(c *testbed.ValkeyCluster) (master, replica *testbed.Valkey, err error) {
	byAddr := map[string]*testbed.Valkey{}
	for _, v := range c.Nodes() {
		byAddr[v.Addr()] = v
	}
	for _, v := range c.Nodes() {
		role, err := v.Do("ROLE") // of a replica: slave, host and port of its master, …
		if err != nil {
			return nil, nil, err
		}
		lines := strings.Split(role, "\n")
		if lines[0] == "slave" {
			if m := byAddr[lines[1]+":"+lines[2]]; m != nil {
				return m, v, nil
			}
		}
	}
	return nil, nil, fmt.Errorf("no server of the cluster is a replica")
}
