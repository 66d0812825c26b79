package deploy_test

import (
	"debug/elf"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// recipe is the line of the Dockerfile that builds the program.
var recipe = regexp.MustCompile(`(?m)^RUN (.* go build .* -o )/out/cloakroom (\./cmd/cloakroom)$`)

// build runs that line, for this machine.
func build(t *testing.T) string {
	t.Helper()
	line := recipe.FindStringSubmatch(read(t, "Dockerfile"))
	if line == nil {
		t.Fatal("the Dockerfile does not build ./cmd/cloakroom")
	}
	program := filepath.Join(t.TempDir(), "cloakroom")
	cmd := exec.Command("sh", "-c", line[1]+program+" "+line[2])
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "TARGETOS="+runtime.GOOS, "TARGETARCH="+runtime.GOARCH)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return program
}

// An image without a C library runs the program only if it needs none.
func TestImageProgramIsStatic(t *testing.T) {
	program := build(t)
	f, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, segment := range f.Progs {
		if segment.Type == elf.PT_INTERP || segment.Type == elf.PT_DYNAMIC {
			t.Errorf("the program is not static: it has a segment %v", segment.Type)
		}
	}
	if f.Section(".debug_info") != nil {
		t.Error("the program has debug information")
	}
	out, err := exec.Command(program, "version", "--json").Output()
	var version struct{ Go string }
	if err != nil || json.Unmarshal(out, &version) != nil || version.Go == "" {
		t.Errorf("cloakroom version: %v, %s", err, out)
	}
}

func TestDockerfile(t *testing.T) {
	file := read(t, "Dockerfile")
	stages := strings.Split(file, "\nFROM ")
	last := stages[len(stages)-1]
	if !strings.HasPrefix(last, "scratch\n") {
		t.Errorf("the image is not made from nothing")
	}
	for _, line := range []string{
		"COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt",
		"USER 65532:65532", `ENTRYPOINT ["/usr/bin/cloakroom"]`, `CMD ["serve", "--config", "/etc/cloakroom/cloakroom.yaml"]`,
		"EXPOSE " + httpPort,
	} {
		if !strings.Contains(last, "\n"+line+"\n") {
			t.Errorf("the image has no %q", line)
		}
	}
	wanted := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../go.mod"))
	if !strings.Contains(file, " golang:"+wanted[1]+"-") {
		t.Errorf("the image is not built with Go %s, which go.mod asks for", wanted[1])
	}
	if strings.Contains(file, "ADD ") || regexp.MustCompile(`(?i)ARG .*(password|secret|token)`).MatchString(file) {
		t.Error("the image takes a secret or an address")
	}
}

// What lies about in a checkout that was used must not be sent to whoever builds the image.
func TestDockerignore(t *testing.T) {
	lines := strings.Split(read(t, "Dockerfile.dockerignore"), "\n")
	for _, name := range []string{"**/cloakroom-data", "**/.env", "deploy"} {
		if !slices.Contains(lines, name) {
			t.Errorf("%s is sent", name)
		}
	}
}
