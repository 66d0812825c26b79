package deploy_test

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// unit is a file of systemd: section → key → values in order.
type unit map[string]map[string][]string

func parseUnit(t *testing.T, name string) unit {
	t.Helper()
	u, section := unit{}, ""
	for n, line := range strings.Split(read(t, name), "\n") {
		line = strings.TrimSpace(line)
		key, value, assigned := strings.Cut(line, "=")
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[' && strings.HasSuffix(line, "]"):
			section = line[1 : len(line)-1]
			u[section] = map[string][]string{}
		case !assigned || section == "":
			t.Fatalf("%s:%d: %s", name, n+1, line)
		default:
			u[section][key] = append(u[section][key], value)
		}
	}
	return u
}

// last is the value that counts of a key with one value.
func (u unit) last(section, key string) string {
	values := u[section][key]
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

func TestUnit(t *testing.T) {
	u := parseUnit(t, "systemd/cloakroom.service")
	for key, want := range map[string]string{
		"Type":      "exec", // the server sends no notification
		"User":      "cloakroom",
		"ExecStart": "/usr/local/bin/cloakroom serve --config /etc/cloakroom/cloakroom.yaml",
		"Restart":   "on-failure", "KillSignal": "SIGTERM", "UMask": "0077", "StateDirectoryMode": "0700",
		"NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes",
		"MemoryDenyWriteExecute": "yes", "CapabilityBoundingSet": "", "RestrictSUIDSGID": "yes", "SystemCallArchitectures": "native",
	} {
		if _, given := u["Service"][key]; !given || u.last("Service", key) != want {
			t.Errorf("%s is %q, want %q", key, u.last("Service", key), want)
		}
	}
	if stop, err := time.ParseDuration(u.last("Service", "TimeoutStopSec") + "s"); err != nil || stop <= stopping(t) {
		t.Errorf("it has %v to stop, and the server takes up to %v: %v", stop, stopping(t), err)
	}
	if !strings.HasPrefix(read(t, "systemd/cloakroom.sysusers"), "#") || !strings.Contains(read(t, "systemd/cloakroom.sysusers"), "\nu cloakroom ") {
		t.Error("nobody makes the user cloakroom")
	}
}

// The folder of the configuration is the one that systemd makes writable.
func TestUnitConfiguration(t *testing.T) {
	cfg := good(t, "systemd/cloakroom.yaml", nil)
	wantBelow(t, cfg.Data, "/var/lib/"+parseUnit(t, "systemd/cloakroom.service").last("Service", "StateDirectory"))
	if !cfg.Database().Local() {
		t.Errorf("the store is %s, want a file", cfg.Database())
	}
}

// With the drop-in the secrets come from files that systemd hands over, and nothing else has to be configured.
func TestUnitOfSeveralNodes(t *testing.T) {
	u := parseUnit(t, "systemd/several-nodes.conf")
	folder, secrets := t.TempDir(), madeSecrets(t)
	content := map[string]string{"secrets": "cloakroom_secrets", "store-url": "store_url"}
	for _, credential := range u["Service"]["LoadCredential"] {
		name, source, _ := strings.Cut(credential, ":")
		if path.Dir(source) != "/etc/cloakroom" || content[name] == "" {
			t.Errorf("LoadCredential=%s", credential)
			continue
		}
		write(t, filepath.Join(folder, name), read(t, filepath.Join(secrets, content[name])))
	}
	var environ []string
	for _, variable := range u["Service"]["Environment"] {
		environ = append(environ, strings.ReplaceAll(variable, "%d/", folder+"/"))
	}
	cfg := good(t, "systemd/cloakroom.yaml", environ)
	if cfg.Database().Local() || len(cfg.Secrets) != 1 {
		t.Errorf("the store is %s, with %d secrets", cfg.Database(), len(cfg.Secrets))
	}
}

// systemd itself reads both files, where it is installed; TestUnit says elsewhere what can be said without it.
func TestUnitVerifies(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("systemd-analyze is not here; the unit was read by our own parser only")
		return
	}
	folder := t.TempDir()
	program := write(t, filepath.Join(folder, "cloakroom"), "#!/bin/sh\n")
	if err := os.Chmod(program, 0o755); err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(read(t, "systemd/cloakroom.service"), "/usr/local/bin/cloakroom", program)
	service := write(t, filepath.Join(folder, "cloakroom.service"), text)
	if err := os.Mkdir(service+".d", 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(service+".d", "several-nodes.conf"), read(t, "systemd/several-nodes.conf"))
	out, err := exec.Command(analyze, "verify", service).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// The program of the image serves with the configuration of the unit, and ends in order when it is told to.
func TestUnitServes(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	program := build(t)
	u := parseUnit(t, "systemd/cloakroom.service")
	args := strings.Fields(u.last("Service", "ExecStart"))[1:]
	args[slices.Index(args, "--config")+1] = "systemd/cloakroom.yaml"
	// The folder and the ports of the test; what else the file says, holds.
	args = append(args, "--data", filepath.Join(t.TempDir(), "data"), "--listen", "127.0.0.1:0", "--set", "metrics.listen=127.0.0.1:0")
	server := exec.CommandContext(ctx, program, args...)
	talk, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	lines, address := bufio.NewScanner(talk), ""
	for address == "" && lines.Scan() {
		_, address, _ = strings.Cut(lines.Text(), "listening on ")
	}
	if address == "" {
		t.Fatalf("the server does not listen: %v", server.Wait())
	}
	res, err := http.Get(address + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("/readyz: %s", res.Status)
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() { // until it has closed its end
	}
	if err := server.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}
