package deploy_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The configuration and the script of compose.yaml make a cluster that takes the password and nobody without it, and a
// second run of the script leaves it alone.
func TestValkeyCluster(t *testing.T) {
	server, cli := valkey(t)
	secrets := madeSecrets(t)
	nodes := []string{startNode(t, server, secrets), startNode(t, server, secrets), startNode(t, server, secrets)}
	password := filepath.Join(secrets, "valkey_password")
	for _, node := range nodes {
		await(t, "the node answers", func() bool { return strings.Contains(ask(cli, node, password, "ping"), "PONG") })
	}
	join := func() string {
		cmd := exec.Command("sh", append([]string{"compose/valkey-init.sh"}, nodes...)...)
		cmd.Env = append(os.Environ(), "VALKEY_CLI="+cli, "VALKEY_PASSWORD_FILE="+password)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("valkey-init.sh: %v\n%s", err, out)
		}
		return string(out)
	}
	join()
	for _, node := range nodes {
		await(t, "the node is of a cluster of three", func() bool {
			info := ask(cli, node, password, "cluster", "info")
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_size:3")
		})
	}
	if out := join(); !strings.Contains(out, "is there") {
		t.Errorf("a second run did something:\n%s", out)
	}
	if out := ask(cli, nodes[0], os.DevNull, "get", "x"); !strings.Contains(out, "NOAUTH") {
		t.Errorf("without the password: %s", out)
	}
	if out := ask(cli, nodes[0], password, "config", "get", "maxmemory-policy"); !strings.Contains(out, "noeviction") {
		t.Errorf("the node may forget: %s", out)
	}
}

// valkey finds the programs of Valkey, or of Redis, which does the same here.
func valkey(t *testing.T) (server, cli string) {
	t.Helper()
	for _, name := range []string{"valkey", "redis"} {
		server, errServer := exec.LookPath(name + "-server")
		cli, errCLI := exec.LookPath(name + "-cli")
		if errServer == nil && errCLI == nil {
			return server, cli
		}
	}
	t.Fatal("neither valkey-server nor redis-server is here: install the package valkey or redis-server")
	return "", ""
}

// ask puts a command to a node as the health checks of compose.yaml do.
func ask(cli, node, passwordFile string, command ...string) string {
	host, port, _ := strings.Cut(node, ":")
	cmd := exec.Command(cli, append([]string{"--askpass", "-h", host, "-p", port}, command...)...)
	password, err := os.Open(passwordFile)
	if err != nil {
		return err.Error()
	}
	defer password.Close()
	cmd.Stdin = password
	out, _ := cmd.CombinedOutput()
	return string(out)
}

// startNode starts a server with compose/valkey.conf, at another port, in another folder and with the secrets of the test.
func startNode(t *testing.T, server, secrets string) string {
	t.Helper()
	port, folder := freeNodePort(t), t.TempDir()
	conf := strings.ReplaceAll(read(t, "compose/valkey.conf"), "/run/secrets/", secrets+"/")
	for key, value := range map[string]string{"port": fmt.Sprint(port), "dir": folder, "bind": "127.0.0.1"} {
		line := regexp.MustCompile(`(?m)^` + key + ` .*$`)
		if !line.MatchString(conf) {
			t.Fatalf("valkey.conf does not set %s", key)
		}
		conf = line.ReplaceAllString(conf, key+" "+value)
	}
	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(server, write(t, filepath.Join(folder, "valkey.conf"), conf))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		_ = log.Close()
		if t.Failed() {
			t.Logf("%s:\n%s", log.Name(), read(t, log.Name()))
		}
	})
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// freeNodePort finds a port that is free together with that of the cluster bus, 10000 above it.
func freeNodePort(t *testing.T) int {
	t.Helper()
	for range 200 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		if port > 55535 {
			port -= 10000 // and is then tried below
		}
		_ = l.Close()
		if free(port) && free(port+10000) {
			return port
		}
	}
	t.Fatal("no free pair of ports")
	return 0
}

func free(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err == nil {
		_ = l.Close()
	}
	return err == nil
}

// await asks until the answer is yes, for half a minute at most.
func await(t *testing.T, what string, yes func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !yes(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}
