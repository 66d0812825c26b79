package deploy_test

import (
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// mount is the name of the volume in which a path of the container lies.
func (c container) mount(file string) string {
	for _, m := range c.VolumeMounts {
		if strings.HasPrefix(file, m.MountPath+"/") {
			return m.Name
		}
	}
	return ""
}

// cluster is all that the files hold.
type cluster struct {
	all   []manifest
	files map[string][]string // file → kinds
}

func kubernetes(t *testing.T) cluster {
	t.Helper()
	names, err := filepath.Glob("kubernetes/*.yaml")
	if err != nil || len(names) < 8 {
		t.Fatalf("kubernetes/ has %d files: %v", len(names), err)
	}
	c := cluster{files: map[string][]string{}}
	for _, name := range names {
		for _, m := range documents[manifest](t, name) {
			if c.files[path.Base(name)] = append(c.files[path.Base(name)], m.Kind); m.Kind != "Kustomization" {
				c.all = append(c.all, m)
			}
		}
	}
	return c
}

// one finds a manifest by kind and name.
func (c cluster) one(t *testing.T, kind, name string) manifest {
	t.Helper()
	for _, m := range c.all {
		if m.Kind == kind && m.Metadata.Name == name {
			return m
		}
	}
	t.Fatalf("there is no %s %s", kind, name)
	return manifest{}
}

// pods are the two kinds of pods: those that serve, and the one that makes the steps of the schema.
func (c cluster) pods(t *testing.T) map[string]manifest {
	t.Helper()
	return map[string]manifest{"server": c.one(t, "Deployment", "cloakroom"), "migrate": c.one(t, "Job", "cloakroom-migrate")}
}

// selects reports whether labels have all that a selector asks for, which is something.
func selects(wanted, labels map[string]string) bool {
	for key, value := range wanted {
		if labels[key] != value {
			return false
		}
	}
	return len(wanted) > 0
}

// wanted are the labels of a selector, in either of its forms.
func (m manifest) wanted() map[string]string {
	from := m.Spec.Selector
	if inner, ok := from["matchLabels"].(map[string]any); ok {
		from = inner
	}
	found := map[string]string{}
	for key, value := range from {
		found[key], _ = value.(string)
	}
	return found
}

func TestKubernetesNames(t *testing.T) {
	c := kubernetes(t)
	c.one(t, "Namespace", "cloakroom")
	for _, m := range c.all {
		if m.Kind != "Namespace" && m.Metadata.Namespace != "cloakroom" || m.APIVersion == "" {
			t.Errorf("%s %s: apiVersion %q, namespace %q", m.Kind, m.Metadata.Name, m.APIVersion, m.Metadata.Namespace)
		}
	}
	k := documents[manifest](t, "kubernetes/kustomization.yaml")[0]
	for _, file := range []string{"secret.example.yaml", "migrate.yaml", "servicemonitor.yaml"} {
		if slices.Contains(k.Resources, file) {
			t.Errorf("kustomization.yaml takes %s, which is not for everybody", file)
		}
	}
	for file := range c.files {
		left := slices.Contains([]string{"kustomization.yaml", "secret.example.yaml", "migrate.yaml", "servicemonitor.yaml"}, file)
		if !left && !slices.Contains(k.Resources, file) {
			t.Errorf("kustomization.yaml leaves out %s", file)
		}
	}
	for _, file := range k.Resources {
		if c.files[file] == nil {
			t.Errorf("kustomization.yaml names %s, which is not there", file)
		}
	}
	if image := c.pods(t)["server"].Spec.Template.Spec.Containers[0].Image; image != k.Images[0].Name {
		t.Errorf("kustomization.yaml sets the image %s, and the Deployment has %s", k.Images[0].Name, image)
	}
}

// The configuration passes in each pod with its own variables, and listens where its probes ask.
func TestKubernetesConfiguration(t *testing.T) {
	c, secrets := kubernetes(t), madeSecrets(t)
	content := map[string]string{"secrets": "cloakroom_secrets", "store-url": "store_url"}
	file := write(t, filepath.Join(t.TempDir(), "cloakroom.yaml"), c.one(t, "ConfigMap", "cloakroom").Data["cloakroom.yaml"])
	for name, m := range c.pods(t) {
		box := m.Spec.Template.Spec.Containers[0]
		var environ []string
		for _, v := range box.Env {
			key := path.Base(v.Value)
			if box.mount(v.Value) != "secret" || content[key] == "" {
				t.Errorf("%s: %s is not a file of the Secret: %s", name, v.Name, v.Value)
			}
			environ = append(environ, v.Name+"="+filepath.Join(secrets, content[key]))
		}
		cfg := good(t, file, environ)
		wantPorts(t, cfg)
		if cfg.Database().Local() {
			t.Errorf("%s: the store is a file of one pod: %s", name, cfg.Database())
		}
		if path := box.Args[len(box.Args)-1]; box.mount(path) != "config" || filepath.Base(path) != "cloakroom.yaml" {
			t.Errorf("%s: reads %s", name, path)
		}
		if host := strings.TrimPrefix(cfg.Base(), "https://"); c.one(t, "Ingress", "cloakroom").Spec.Rules[0].Host != host {
			t.Errorf("base_url is %s, and the Ingress is for another host", cfg.Base())
		}
	}
}

func TestKubernetesSecretHasNoValues(t *testing.T) {
	secret := kubernetes(t).one(t, "Secret", "cloakroom")
	if len(secret.Data) > 0 {
		t.Error("the Secret has data")
	}
	for _, key := range []string{"secrets", "store-url"} {
		if value, there := secret.StringData[key]; !there || value != "" {
			t.Errorf("the key %s of the Secret is there: %v, with %d bytes", key, there, len(value))
		}
	}
}

// Every pod is what the Pod Security Standard "restricted" asks for, and what the server can live in.
func TestKubernetesPodsAreRestricted(t *testing.T) {
	c := kubernetes(t)
	for name, m := range c.pods(t) {
		p := m.Spec.Template.Spec
		if s := p.SecurityContext; !s.RunAsNonRoot || s.RunAsUser != 65532 || s.FSGroup != 65532 || s.SeccompProfile.Type != "RuntimeDefault" {
			t.Errorf("%s: security context of the pod: %+v", name, s)
		}
		box := p.Containers[0]
		if s := box.SecurityContext; s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || !s.ReadOnlyRootFilesystem || !slices.Equal(s.Capabilities.Drop, []string{"ALL"}) {
			t.Errorf("%s: security context of the container: %+v", name, s)
		}
		if p.EnableServiceLinks == nil || *p.EnableServiceLinks {
			t.Errorf("%s: gets variables such as CLOAKROOM_PORT, which the server refuses", name)
		}
		if p.AutomountToken == nil || *p.AutomountToken {
			t.Errorf("%s: gets a token of the cluster", name)
		}
		if r := box.Resources; r.Requests.CPU == "" || r.Requests.Memory == "" || r.Limits.CPU == "" || r.Limits.Memory == "" {
			t.Errorf("%s: resources are %+v", name, r)
		}
	}
}

func TestKubernetesMounts(t *testing.T) {
	c := kubernetes(t)
	for name, m := range c.pods(t) {
		p := m.Spec.Template.Spec
		var volumes []string
		for _, v := range p.Volumes {
			volumes = append(volumes, v.Name)
			if v.ConfigMap.Name != "" {
				c.one(t, "ConfigMap", v.ConfigMap.Name)
			}
			if v.Secret.SecretName != "" {
				c.one(t, "Secret", v.Secret.SecretName)
			}
		}
		for _, mount := range p.Containers[0].VolumeMounts {
			if !slices.Contains(volumes, mount.Name) {
				t.Errorf("%s: mounts %s, which is no volume", name, mount.Name)
			}
		}
		if len(volumes) != len(p.Containers[0].VolumeMounts) {
			t.Errorf("%s: a volume is not mounted", name)
		}
	}
}

// What leads to the servers leads to them and to no other pod.
func TestKubernetesSelectors(t *testing.T) {
	c := kubernetes(t)
	pods := c.pods(t)
	server, job := pods["server"].Spec.Template.Metadata.Labels, pods["migrate"].Spec.Template.Metadata.Labels
	for _, of := range [][2]string{{"Deployment", "cloakroom"}, {"Service", "cloakroom"}, {"Service", "cloakroom-metrics"}, {"PodDisruptionBudget", "cloakroom"}} {
		wanted := c.one(t, of[0], of[1]).wanted()
		if !selects(wanted, server) {
			t.Errorf("%s %s does not select the servers: %v", of[0], of[1], wanted)
		}
		if selects(wanted, job) {
			t.Errorf("%s %s selects the migration, too: %v", of[0], of[1], wanted)
		}
	}
	for _, spread := range pods["server"].Spec.Template.Spec.TopologySpreadConstraints {
		if !selects(spread.LabelSelector.MatchLabels, server) {
			t.Errorf("the pods spread over %s away from others", spread.TopologyKey)
		}
	}
	for name, labels := range map[string]map[string]string{"server": server, "migrate": job} {
		if !selects(c.one(t, "NetworkPolicy", "cloakroom").Spec.PodSelector.MatchLabels, labels) {
			t.Errorf("the NetworkPolicy leaves out %s", name)
		}
	}
	monitor := c.one(t, "ServiceMonitor", "cloakroom")
	if !selects(monitor.wanted(), c.one(t, "Service", "cloakroom-metrics").Metadata.Labels) || selects(monitor.wanted(), c.one(t, "Service", "cloakroom").Metadata.Labels) {
		t.Errorf("the ServiceMonitor selects %v", monitor.wanted())
	}
}

func TestKubernetesPorts(t *testing.T) {
	c := kubernetes(t)
	names := map[string]string{}
	for _, p := range c.pods(t)["server"].Spec.Template.Spec.Containers[0].Ports {
		names[p.Name] = strconv.Itoa(p.ContainerPort)
	}
	if names["http"] != httpPort || names["metrics"] != metricsPort {
		t.Errorf("the container has the ports %v", names)
	}
	web, figures := c.one(t, "Service", "cloakroom").Spec.Ports, c.one(t, "Service", "cloakroom-metrics").Spec.Ports
	if len(web) != 1 || web[0].TargetPort != "http" || len(figures) != 1 || figures[0].TargetPort != "metrics" {
		t.Errorf("the services lead to %+v and %+v", web, figures)
	}
	for _, r := range c.one(t, "Ingress", "cloakroom").Spec.Rules {
		for _, p := range r.HTTP.Paths {
			if s := p.Backend.Service; s.Name != "cloakroom" || s.Port.Name != web[0].Name {
				t.Errorf("the Ingress leads to %+v", s)
			}
		}
	}
	for _, r := range c.one(t, "NetworkPolicy", "cloakroom").Spec.Ingress {
		if name, _ := r.Ports[0].Port.(string); len(r.From) == 0 || len(r.Ports) != 1 || names[name] == "" {
			t.Errorf("the NetworkPolicy lets in %+v", r)
		}
	}
	if e := c.one(t, "ServiceMonitor", "cloakroom").Spec.Endpoints[0]; e.Port != figures[0].Name || e.Path != "/metrics" {
		t.Errorf("the ServiceMonitor asks %+v", e)
	}
}

func TestKubernetesProbes(t *testing.T) {
	box := kubernetes(t).pods(t)["server"].Spec.Template.Spec.Containers[0]
	for want, p := range map[string][]probe{"/livez": {box.StartupProbe, box.LivenessProbe}, "/readyz": {box.ReadinessProbe}} {
		for _, p := range p {
			if p.HTTPGet.Path != want || p.HTTPGet.Port != "http" || p.PeriodSeconds == 0 || p.FailureThreshold == 0 {
				t.Errorf("want %s: %+v", want, p)
			}
		}
	}
	if box.ReadinessProbe.TimeoutSeconds <= 2 {
		t.Error("/readyz may take 2 s, and the probe does not wait so long")
	}
}

// An upgrade takes no node away before a new one is ready, and ends none that has requests.
func TestKubernetesRollsWithoutALoss(t *testing.T) {
	m := kubernetes(t).pods(t)["server"]
	roll := m.Spec.Strategy.RollingUpdate
	if m.Spec.Replicas < 2 || m.Spec.Strategy.Type != "RollingUpdate" || roll.MaxUnavailable == nil || *roll.MaxUnavailable != 0 || roll.MaxSurge < 1 {
		t.Errorf("%d replicas, %+v", m.Spec.Replicas, m.Spec.Strategy)
	}
	p := m.Spec.Template.Spec
	wait := p.Containers[0].Lifecycle.PreStop.Sleep.Seconds
	if left := time.Duration(p.TerminationGrace-wait) * time.Second; wait < 1 || left <= stopping(t) {
		t.Errorf("after %d s of preStop %v are left to stop, and the server takes up to %v", wait, left, stopping(t))
	}
}
