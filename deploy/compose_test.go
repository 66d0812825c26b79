package deploy_test

import (
	"net/netip"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom/server/config"
)

// composition is what compose.yaml uses of the Compose file format; a key that is not here is refused.
type composition struct {
	Name      string              `yaml:"name"`
	Services  map[string]*service `yaml:"services"`
	Secrets   map[string]struct{ File string }
	Volumes   map[string]struct{}
	Networks  map[string]network
	Cloakroom service `yaml:"x-cloakroom"`
	Valkey    service `yaml:"x-valkey"`
}

type service struct {
	Image       string
	User        string
	ReadOnly    bool     `yaml:"read_only"`
	Tmpfs       []string `yaml:"tmpfs"`
	CapDrop     []string `yaml:"cap_drop"`
	CapAdd      []string `yaml:"cap_add"`
	SecurityOpt []string `yaml:"security_opt"`
	Environment map[string]string
	Entrypoint  []string
	Command     []string
	Secrets     []string
	Volumes     []string
	Ports       []string
	Networks    any
	DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
	Healthcheck *struct {
		Test        []string
		Interval    time.Duration
		Timeout     time.Duration
		Retries     int
		StartPeriod time.Duration `yaml:"start_period"`
	}
	Restart    string
	StopSignal string        `yaml:"stop_signal"`
	StopGrace  time.Duration `yaml:"stop_grace_period"`
	ShmSize    string        `yaml:"shm_size"`
	Deploy     struct {
		Resources struct {
			Limits struct {
				CPUs   string `yaml:"cpus"`
				Memory string
				PIDs   int `yaml:"pids"`
			}
		}
	}
}

type network struct {
	Internal bool
	IPAM     struct {
		Config []struct{ Subnet netip.Prefix }
	} `yaml:"ipam"`
}

// joined maps the networks of a service to its fixed address there, which may be none.
func (s service) joined() map[string]string {
	found := map[string]string{}
	switch networks := s.Networks.(type) {
	case []any:
		for _, name := range networks {
			found[name.(string)] = ""
		}
	case map[string]any:
		for name, settings := range networks {
			address, _ := settings.(map[string]any)["ipv4_address"].(string)
			found[name] = address
		}
	}
	return found
}

// once reports whether a service does one thing and ends, so that nobody can ask for its health.
func (c composition) once(name string) bool {
	for _, other := range c.Services {
		if other.DependsOn[name].Condition == "service_completed_successfully" {
			return true
		}
	}
	return false
}

func compose(t *testing.T) composition {
	t.Helper()
	c := documents[composition](t, "compose.yaml")[0]
	if len(c.Services) < 7 {
		t.Fatalf("compose.yaml has %d services", len(c.Services))
	}
	return c
}

// madeSecrets runs the script of the compose file in a folder of the test.
func madeSecrets(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "secrets")
	if out, err := exec.Command("sh", "compose/make-secrets.sh", folder).CombinedOutput(); err != nil {
		t.Fatalf("make-secrets.sh: %v\n%s", err, out)
	}
	return folder
}

// substitution is a variable as Compose fills it in: ${NAME:?what to do}.
var substitution = regexp.MustCompile(`\$\{(\w+):\?[^}]*\}`)

// environ is the environment of a service with the host name filled in and each path of a secret as it is on this machine. A
// path that is not of a secret of the service is an error.
func (c composition) environ(t *testing.T, s service, folder string) []string {
	t.Helper()
	var list []string
	for name, value := range s.Environment {
		value = substitution.ReplaceAllString(value, "auth.example.com")
		if secret, found := strings.CutPrefix(value, "/run/secrets/"); found {
			if !slices.Contains(s.Secrets, secret) {
				t.Errorf("%s names the secret %s, which the service does not get", name, secret)
			}
			value = filepath.Join(folder, path.Base(c.Secrets[secret].File))
		}
		list = append(list, name+"="+value)
	}
	return list
}

func TestComposeConfiguration(t *testing.T) {
	c, folder := compose(t), madeSecrets(t)
	for _, name := range []string{"cloakroom-1", "cloakroom-2"} {
		s := *c.Services[name]
		cfg := good(t, "compose/cloakroom.yaml", c.environ(t, s, folder))
		wantPorts(t, cfg)
		if cfg.Base() != "https://auth.example.com" {
			t.Errorf("%s: base_url is %s", name, cfg.Base())
		}
		if !strings.HasPrefix(string(cfg.Store.URL), "postgres://cloakroom:") || !strings.HasPrefix(string(cfg.Store.Sessions), "valkey://") {
			t.Errorf("%s: stores are %s and %s", name, cfg.Store.URL, cfg.Store.Sessions)
		}
		if !slices.Contains(s.Volumes, "./compose/cloakroom.yaml:/etc/cloakroom/cloakroom.yaml:ro") {
			t.Errorf("%s: the configuration is not mounted", name)
		}
	}
}

// The URLs that the script writes name the database, the cluster and the passwords that the other services have.
func TestComposeStores(t *testing.T) {
	c, folder := compose(t), madeSecrets(t)
	secret := func(name string) string { return read(t, filepath.Join(folder, name)) }
	db := c.Services["postgres"].Environment
	if want := "postgres://" + db["POSTGRES_USER"] + ":" + secret("postgres_password") + "@postgres:5432/" + db["POSTGRES_DB"]; !strings.HasPrefix(secret("store_url"), want+"?") {
		t.Error("store_url is not that of the service postgres")
	}
	var nodes []string
	for _, name := range []string{"valkey-1", "valkey-2", "valkey-3"} {
		nodes = append(nodes, c.Services[name].joined()["back"]+":6379")
	}
	if want := "valkey://:" + secret("valkey_password") + "@" + strings.Join(nodes, ",") + "/"; secret("store_sessions") != want {
		t.Error("store_sessions does not name the nodes of the cluster")
	}
	if !slices.Equal(c.Services["valkey-init"].Command, nodes) {
		t.Errorf("valkey-init joins %v, want %v", c.Services["valkey-init"].Command, nodes)
	}
}

func TestMakeSecrets(t *testing.T) {
	folder := madeSecrets(t)
	before := read(t, filepath.Join(folder, "store_url"))
	if out, err := exec.Command("sh", "compose/make-secrets.sh", folder).CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("again: %v, %s", err, out)
	}
	if read(t, filepath.Join(folder, "store_url")) != before {
		t.Error("a second run replaced a secret")
	}
	if read(t, filepath.Join(madeSecrets(t), "store_url")) == before {
		t.Error("two runs made the same secret")
	}
	if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder is open to others: %v, %v", info.Mode(), err)
	}
	for name, s := range compose(t).Secrets {
		if s.File != "./secrets/"+name {
			t.Errorf("the secret %s is in %s", name, s.File)
		}
		if read(t, filepath.Join(folder, name)) == "" {
			t.Errorf("the secret %s is empty", name)
		}
	}
	if !strings.Contains(read(t, ".gitignore"), "/secrets/") {
		t.Error(".gitignore does not leave out the secrets")
	}
}

func TestComposeServicesAreHardened(t *testing.T) {
	c := compose(t)
	for name, s := range c.Services {
		if !s.ReadOnly || !slices.Contains(s.CapDrop, "ALL") || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s: is not read-only, without capabilities and without new privileges", name)
		}
		switch {
		case name == "proxy": // root for its volumes; see there
			if !slices.Equal(s.CapAdd, []string{"NET_BIND_SERVICE"}) {
				t.Errorf("%s: has the capabilities %v", name, s.CapAdd)
			}
		case s.User == "" || s.User == "root" || strings.HasPrefix(s.User, "0") || len(s.CapAdd) > 0:
			t.Errorf("%s: runs as %q with %v", name, s.User, s.CapAdd)
		}
		if limits := s.Deploy.Resources.Limits; limits.CPUs == "" || limits.Memory == "" || limits.PIDs == 0 {
			t.Errorf("%s: has no limits", name)
		}
		if !strings.Contains(s.Image, ":") && s.Image != "cloakroom" {
			t.Errorf("%s: the image %s has no version", name, s.Image)
		}
	}
}

func TestComposeServicesAreWatched(t *testing.T) {
	c := compose(t)
	for name, s := range c.Services {
		if c.once(name) {
			if s.Restart != "on-failure" {
				t.Errorf("%s: restarts %s though it does one thing", name, s.Restart)
			}
			continue
		}
		if s.Restart != "unless-stopped" {
			t.Errorf("%s: restarts %q", name, s.Restart)
		}
		if h := s.Healthcheck; h == nil || len(h.Test) < 2 || h.Interval <= 0 || h.Timeout <= 0 || h.Retries <= 0 {
			t.Errorf("%s: has no health check", name)
		}
		for other, d := range s.DependsOn {
			want := "service_healthy"
			if c.once(other) {
				want = "service_completed_successfully"
			}
			if c.Services[other] == nil || d.Condition != want {
				t.Errorf("%s: waits for %s to be %s, want %s", name, other, d.Condition, want)
			}
		}
	}
}

// inline are names that hold a secret rather than name its file.
var inline = regexp.MustCompile(`(?i)(password|secret|token|_auth|store_url|store_sessions)`)

func TestComposeSecretsAreFiles(t *testing.T) {
	c := compose(t)
	for name, s := range c.Services {
		for variable, value := range s.Environment {
			if inline.MatchString(variable) && !strings.HasSuffix(variable, "_FILE") {
				t.Errorf("%s: the variable %s holds a secret", name, variable)
			}
			if strings.HasSuffix(variable, "_FILE") && !strings.HasPrefix(value, "/run/secrets/") {
				t.Errorf("%s: %s is %s", name, variable, value)
			}
		}
		for _, secret := range s.Secrets {
			if c.Secrets[secret].File == "" {
				t.Errorf("%s: the secret %s is nowhere", name, secret)
			}
		}
		arguments := strings.Join(slices.Concat(s.Entrypoint, s.Command), " ")
		if strings.Contains(arguments, "$") || strings.Contains(arguments, "requirepass") {
			t.Errorf("%s: a secret may be on the command line: %s", name, arguments)
		}
	}
}

func TestComposePublishesTheProxyOnly(t *testing.T) {
	c := compose(t)
	for name, s := range c.Services {
		if name != "proxy" && len(s.Ports) > 0 {
			t.Errorf("%s publishes %v", name, s.Ports)
		}
		if joined := s.joined(); name != "proxy" && joined["front"] == "" && !strings.HasPrefix(name, "cloakroom-") {
			if _, in := joined["front"]; in {
				t.Errorf("%s is in the network of the proxy", name)
			}
		}
		for net, address := range s.joined() {
			if address == "" {
				continue
			}
			if ip, err := netip.ParseAddr(address); err != nil || !c.Networks[net].IPAM.Config[0].Subnet.Contains(ip) {
				t.Errorf("%s: %s is not an address of the network %s", name, address, net)
			}
		}
	}
	if !c.Networks["back"].Internal {
		t.Error("the network of the stores has a way out")
	}
}

// The server believes the proxy's headers and nobody else's, and the proxy asks the nodes for their health where they tell it.
func TestComposeProxy(t *testing.T) {
	c := compose(t)
	cfg, _ := config.Load(config.Source{Path: "compose/cloakroom.yaml"})
	proxy := netip.MustParseAddr(c.Services["proxy"].joined()["front"])
	if want := netip.PrefixFrom(proxy, 32); !slices.Equal(cfg.TrustedProxies, []netip.Prefix{want}) {
		t.Errorf("trusted_proxies are %v, want %v", cfg.TrustedProxies, want)
	}
	caddy := read(t, "compose/Caddyfile")
	for _, line := range []string{"{$CLOAKROOM_HOST} {", "reverse_proxy cloakroom-1:" + httpPort + " cloakroom-2:" + httpPort + " {", "health_uri /readyz"} {
		if !strings.Contains(caddy, line) {
			t.Errorf("the Caddyfile has no %q", line)
		}
	}
	if strings.Contains(caddy, metricsPort) || strings.Contains(caddy, "/metrics") {
		t.Error("the proxy leads to the metrics")
	}
}

func TestComposeWaitsForTheServerToStop(t *testing.T) {
	for name, s := range compose(t).Services {
		if strings.HasPrefix(name, "cloakroom-") && s.StopGrace <= stopping(t) {
			t.Errorf("%s has %v to stop, and the server takes up to %v", name, s.StopGrace, stopping(t))
		}
	}
}

func TestComposeAsksForReadiness(t *testing.T) {
	for _, name := range []string{"cloakroom-1", "cloakroom-2"} {
		test := compose(t).Services[name].Healthcheck.Test
		if test[0] != "CMD" || !strings.Contains(read(t, "Dockerfile"), " "+test[1]+"\n") {
			t.Errorf("%s: the image has no %v", name, test[:2])
		}
		if url := test[len(test)-1]; url != "http://127.0.0.1:"+httpPort+"/readyz" {
			t.Errorf("%s: asks %s", name, url)
		}
	}
}
