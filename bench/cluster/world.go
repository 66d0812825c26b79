package main

import (
	"context"
	crand "crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/testbed"
)

// The stores that a world can stand on.
const (
	onPostgres = "postgres"
	onValkey   = "postgres+valkey"
	onSQLite   = "sqlite"
)

// world is a cluster: three nodes and two desks on PostgreSQL, or one node on SQLite.
type world struct {
	dir, binary, stores string

	postgres *testbed.Postgres // the one that takes writes
	standbys int               // made so far
	valkey   *testbed.ValkeyCluster
	disk     *disk    // of SQLite
	proxies  []*proxy // one for each node, then for each desk
	nodes    []*node
	desks    []*desk
}

// A cluster has so many.
const (
	nodesOfWorld = 3
	desksOfWorld = 2
)

func openWorld(ctx context.Context, dir, binary, stores string) (w *world, err error) {
	w = &world{dir: filepath.Join(dir, strings.ReplaceAll(stores, "+", "-")), binary: binary, stores: stores}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if err := os.Mkdir(w.dir, 0o700); err != nil {
		return w, err
	}
	if stores == onSQLite {
		return w, w.openAlone()
	}
	if err := w.openServers(); err != nil {
		return w, err
	}
	return w, w.openCluster(ctx)
}

// openServers starts what things are kept in.
func (w *world) openServers() (err error) {
	var fromValkey error
	var both sync.WaitGroup
	both.Go(func() { w.postgres, err = testbed.StartPostgres(filepath.Join(w.dir, "postgres0")) })
	if w.stores == onValkey {
		both.Go(func() { w.valkey, fromValkey = testbed.StartValkeyCluster(filepath.Join(w.dir, "valkey"), 3, 1) })
	}
	both.Wait()
	return errors.Join(err, fromValkey)
}

// openCluster starts nodes and desks all at once: whoever comes first makes the schema.
func (w *world) openCluster(ctx context.Context) error {
	secret := make([]byte, 32)
	_, _ = crand.Read(secret) // it never fails
	at := places{secret: hex.EncodeToString(secret)}
	if w.valkey != nil {
		at.sessions = "valkey://" + strings.Join(w.valkey.Addrs(), ",") + "/"
	}
	errs := make([]error, nodesOfWorld+desksOfWorld)
	w.nodes, w.desks = make([]*node, nodesOfWorld), make([]*desk, desksOfWorld)
	var all sync.WaitGroup
	for i := range errs {
		p, err := newProxy(w.primary())
		if err != nil {
			return err
		}
		w.proxies = append(w.proxies, p)
		at.database = "postgres://postgres@" + p.addr() + "/postgres?sslmode=disable"
		here := at
		if i < nodesOfWorld {
			w.nodes[i] = w.newNode(i, here)
			all.Go(func() { errs[i] = w.nodes[i].start() })
			continue
		}
		k := i - nodesOfWorld
		all.Go(func() { w.desks[k], errs[i] = openDesk(ctx, fmt.Sprintf("desk%d", k+1), here) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (w *world) newNode(i int, at places) *node {
	environ := []string{"CLOAKROOM_STORE_URL=" + at.database, "CLOAKROOM_SECRETS=" + at.secret, "CLOAKROOM_DATA=" + filepath.Join(w.dir, "none")}
	if at.sessions != "" {
		environ = append(environ, "CLOAKROOM_STORE_SESSIONS="+at.sessions)
	}
	return &node{name: fmt.Sprintf("node%d", i+1), binary: w.binary, dir: w.dir, environ: environ}
}

// openAlone starts one node on SQLite, on a disk that can be full.
func (w *world) openAlone() (err error) {
	if w.disk, err = newDisk(filepath.Join(w.dir, "disk")); err != nil {
		return err
	}
	n := &node{name: "node1", binary: w.binary, dir: w.dir, environ: []string{"CLOAKROOM_DATA=" + filepath.Join(w.disk.dir, "data")}}
	w.nodes = []*node{n}
	return n.start()
}

// primary is the address of the PostgreSQL server that takes writes.
func (w *world) primary() string { return fmt.Sprintf("127.0.0.1:%d", w.postgres.Port()) }

// peers are all nodes and desks.
func (w *world) peers() (all []peer) {
	for _, n := range w.nodes {
		all = append(all, peer{n.name, n.url})
	}
	return append(all, w.deskPeers()...)
}

func (w *world) deskPeers() (all []peer) {
	for _, d := range w.desks {
		all = append(all, peer{d.name, d.url})
	}
	return all
}

// recovery is how long a cluster may take to be well again once a fault is over.
const recovery = 30 * time.Second

// await returns when every node opens a session and knows it, and complains of one that does not.
func (w *world) await(j *journal) {
	c := newClient(&meter{}, recovery, 0, 0)
	defer c.close()
	deadline := time.Now().Add(recovery)
	for _, p := range w.peers() {
		for {
			r := c.ask(p, request{method: "POST", path: "/auth/anonymous", body: map[string]any{"delivery": "bearer"}, want: http.StatusCreated})
			if r.acknowledged {
				break
			}
			if time.Now().After(deadline) {
				j.complain(fmt.Sprintf("%s is not well %v after the fault is over: it answers %d %s", p.name, recovery, r.status, r.code))
				break
			}
		}
	}
}

// close ends everything, in the order in which it depends on each other.
func (w *world) close() error {
	var errs []error
	for _, d := range w.desks {
		if d != nil {
			errs = append(errs, d.close())
		}
	}
	for _, n := range w.nodes {
		if n != nil {
			n.kill()
		}
	}
	for _, p := range w.proxies {
		p.close()
	}
	if w.postgres != nil {
		errs = append(errs, w.postgres.Kill())
	}
	if w.valkey != nil {
		errs = append(errs, w.valkey.Stop())
	}
	if w.disk != nil {
		errs = append(errs, w.disk.close())
	}
	return errors.Join(errs...)
}
