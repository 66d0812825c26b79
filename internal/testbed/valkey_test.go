package testbed

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func do(t *testing.T, v *Valkey, want string, args ...string) {
	t.Helper()
	got, err := v.Do(args...)
	must(t, err)
	if got != want {
		t.Fatalf("%v: got %q, want %q", args, got, want)
	}
}

func TestValkey(t *testing.T) {
	t.Parallel()
	v, err := StartValkey(t.TempDir(), "appendonly yes")
	must(t, err)
	t.Cleanup(func() { must(t, v.Stop()) })
	do(t, v, "3", "RPUSH", "list", "a", "b\r\n", "")
	do(t, v, "a\nb\r\n\n", "LRANGE", "list", "0", "-1")
	do(t, v, "", "GET", "nothing")
	if _, err := v.Do("GET", "list"); err == nil || !strings.Contains(err.Error(), "WRONGTYPE") {
		t.Errorf("the wrong type gives %v", err)
	}
	for name, end := range map[string]func() error{"Kill": v.Kill, "Stop": v.Stop} {
		do(t, v, "OK", "SET", name, "kept")
		pids := family(v.Pid())
		must(t, end())
		noneAlive(t, pids)
		if _, err := v.Do("PING"); err == nil {
			t.Errorf("answers after %s", name)
		}
		must(t, end()) // a second time is no error
		must(t, v.Start())
	}
	do(t, v, "kept", "GET", "Kill")
	do(t, v, "kept", "GET", "Stop")
}

func TestValkeyForgets(t *testing.T) {
	t.Parallel()
	v, err := StartValkey(t.TempDir())
	must(t, err)
	t.Cleanup(func() { must(t, v.Stop()) })
	do(t, v, "OK", "SET", "key", "value")
	must(t, v.Stop())
	must(t, v.Start())
	do(t, v, "", "GET", "key")
}

func TestValkeyThatDoesNotStart(t *testing.T) {
	t.Parallel()
	_, err := StartValkey(t.TempDir(), "appendonli yes")
	if err == nil || !strings.Contains(err.Error(), "Bad directive") {
		t.Errorf("the error has not the end of the log: %v", err)
	}
}

// TestPortTaken starts a server where another one listens: its answers do not count as ours.
func TestValkeyPortTaken(t *testing.T) {
	t.Parallel()
	first, err := StartValkey(t.TempDir())
	must(t, err)
	t.Cleanup(func() { must(t, first.Stop()) })
	second, err := StartValkey(t.TempDir())
	must(t, err)
	must(t, second.Stop())
	second.port = first.port
	if err := second.Start(); !errors.Is(err, errPortTaken) {
		t.Errorf("a server on the port of another: %v", err)
	}
}

func TestValkeyCluster(t *testing.T) {
	t.Parallel()
	c, err := StartValkeyCluster(t.TempDir(), 3, 1)
	must(t, err)
	t.Cleanup(func() { must(t, c.Stop()) })
	if len(c.Addrs()) != 6 || c.Addrs()[5] != c.Nodes()[5].Addr() {
		t.Fatalf("six nodes at %v", c.Addrs())
	}
	for i, n := range c.Nodes() {
		role, err := n.Do("ROLE")
		must(t, err)
		if want := []string{"master", "slave"}[i/3]; !strings.HasPrefix(role, want) {
			t.Errorf("node %d is %s, not %s", i, role, want)
		}
	}
	served := 0
	ranges, err := c.Nodes()[5].Do("CLUSTER", "NODES")
	must(t, err)
	for line := range strings.Lines(ranges) {
		var first, last int
		fields := strings.Fields(line)
		if n, _ := fmt.Sscanf(fields[len(fields)-1], "%d-%d", &first, &last); n == 2 {
			served += last - first + 1
		}
	}
	if served != slots {
		t.Errorf("%d slots are served", served)
	}

	// "foo" is in slot 12182 of the third master, whose replica takes over.
	do(t, c.Nodes()[2], "OK", "SET", "foo", "bar")
	do(t, c.Nodes()[2], "1", "WAIT", "1", "10000")
	must(t, c.Nodes()[2].Kill())
	await(t, "the replica takes over", func() bool {
		value, err := c.Nodes()[5].Do("GET", "foo")
		return err == nil && value == "bar"
	})
	must(t, c.Nodes()[2].Start())
	await(t, "the old master follows", func() bool {
		role, err := c.Nodes()[2].Do("ROLE")
		return err == nil && strings.HasPrefix(role, "slave")
	})
	var pids []int
	for _, n := range c.Nodes() {
		pids = append(pids, n.Pid())
	}
	must(t, c.Stop())
	for _, pid := range pids {
		noneAlive(t, []int{pid})
	}
}

func TestValkeyClusterAddrs(t *testing.T) {
	t.Parallel()
	for range 2 {
		t.Run("", func(t *testing.T) {
			addrs := ValkeyClusterAddrs(t)
			for _, a := range addrs {
				if n, err := command(a, "DBSIZE"); err != nil || n != "0" {
					t.Errorf("%s keys, %v: the cluster was not empty", n, err)
				}
			}
			_, err := command(addrs[2], "SET", "foo", "bar")
			must(t, err)
		})
	}
}

func TestValkeyAddr(t *testing.T) {
	t.Parallel()
	var addr string
	t.Run("", func(t *testing.T) {
		addr = ValkeyAddr(t)
		if n, err := command(addr, "DBSIZE"); err != nil || n != "0" {
			t.Errorf("%s keys, %v", n, err)
		}
	})
	if _, err := command(addr, "PING"); err == nil {
		t.Error("the server outlives its test")
	}
}
