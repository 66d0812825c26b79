package testbed

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// slots is how many hash slots a cluster has.
const slots = 16384

// ValkeyCluster is a Valkey Cluster, or a Redis Cluster where there is no Valkey.
type ValkeyCluster struct {
	nodes   []*Valkey // masters first
	masters int
}

// clusterDefaults make a cluster that notices a dead node within two seconds.
var clusterDefaults = []string{"cluster-enabled yes", "cluster-node-timeout 2000"}

// StartValkeyCluster starts a cluster of so many masters, each with so many replicas, in folders below dir. Settings
// are lines of valkey.conf for every node. It returns when all nodes agree that the cluster is whole and every replica
// is fed, after about three seconds. A cluster needs three masters to survive the loss of
// one, and Redis 7.0 where there is no Valkey.
func StartValkeyCluster(dir string, masters, replicas int, settings ...string) (*ValkeyCluster, error) {
	c := &ValkeyCluster{nodes: make([]*Valkey, masters*(1+replicas)), masters: masters}
	settings = slices.Concat(clusterDefaults, settings)
	err := c.each(func(i int) (err error) {
		c.nodes[i], err = StartValkey(filepath.Join(dir, "node"+strconv.Itoa(i)), settings...)
		return err
	})
	if err == nil {
		err = c.join()
	}
	if err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// each does something for all nodes at once.
func (c *ValkeyCluster) each(do func(i int) error) error {
	errs := make([]error, len(c.nodes))
	var wg sync.WaitGroup
	for i := range c.nodes {
		wg.Go(func() { errs[i] = do(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// join makes a cluster of the nodes: masters share the slots, everybody meets everybody, replicas follow.
func (c *ValkeyCluster) join() error {
	for i := range c.masters {
		first, last := i*slots/c.masters, (i+1)*slots/c.masters-1
		if _, err := c.nodes[i].Do("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(first), strconv.Itoa(last)); err != nil {
			return err
		}
		if _, err := c.nodes[i].Do("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1)); err != nil {
			return err
		}
	}
	if err := c.each(c.meet); err != nil {
		return err
	}
	if err := c.each(func(i int) error { return c.nodes[i].until(c.follow(i)) }); err != nil {
		return err
	}
	return c.await()
}

// await waits until the cluster is as it was made: whole, and the replicas fed.
func (c *ValkeyCluster) await() error {
	return c.each(func(i int) error { return c.nodes[i].until(c.whole(i)) })
}

func (c *ValkeyCluster) meet(i int) error {
	for _, other := range c.nodes {
		if other == c.nodes[i] {
			continue
		}
		if _, err := c.nodes[i].Do("CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(other.port)); err != nil {
			return err
		}
	}
	return nil
}

// follow makes a replica follow its master, as soon as it has heard of it.
func (c *ValkeyCluster) follow(i int) func() error {
	return func() error {
		if i < c.masters {
			return nil
		}
		id, err := c.nodes[i%c.masters].Do("CLUSTER", "MYID")
		if err == nil {
			_, err = c.nodes[i].Do("CLUSTER", "REPLICATE", id)
		}
		return err
	}
}

// whole is content when node i finds all slots served, all nodes known in their roles, and itself fed if it is a
// replica.
func (c *ValkeyCluster) whole(i int) func() error {
	return func() error {
		told, err := c.nodes[i].tell("CLUSTER INFO", "CLUSTER NODES", "INFO replication")
		if err != nil {
			return err
		}
		wanted := []string{"cluster_state:ok", fmt.Sprintf("cluster_slots_ok:%d", slots), fmt.Sprintf("cluster_known_nodes:%d", len(c.nodes))}
		if i >= c.masters {
			wanted = append(wanted, "master_link_status:up")
		}
		for _, w := range wanted {
			if !strings.Contains(told, w+"\r\n") {
				return fmt.Errorf("%s does not say %s", c.nodes[i].Addr(), w)
			}
		}
		if n := strings.Count(told, "slave "); n != len(c.nodes)-c.masters {
			return fmt.Errorf("%s knows of %d replicas", c.nodes[i].Addr(), n)
		}
		return nil
	}
}

// tell gives the answers to several commands, one after the other.
func (v *Valkey) tell(commands ...string) (string, error) {
	var told strings.Builder
	for _, c := range commands {
		answer, err := v.Do(strings.Fields(c)...)
		if err != nil {
			return "", err
		}
		told.WriteString(answer + "\r\n")
	}
	return told.String(), nil
}

func (v *Valkey) until(content func() error) error {
	v.mu.Lock()
	running := v.process
	v.mu.Unlock()
	return running.ready(startPatience, content)
}

// Addrs are the addresses of all nodes, of the original masters first.
func (c *ValkeyCluster) Addrs() []string {
	addrs := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		addrs[i] = n.Addr()
	}
	return addrs
}

// Nodes are the servers: first those that were masters when the cluster was started, then the replicas, where the
// replicas of master i are i + masters, i + 2*masters and so on.
func (c *ValkeyCluster) Nodes() []*Valkey { return c.nodes }

// Stop ends all nodes. It is no error if some do not run.
func (c *ValkeyCluster) Stop() error {
	return c.each(func(i int) error {
		if c.nodes[i] == nil {
			return nil
		}
		return c.nodes[i].Stop()
	})
}
