package webhook_test

import (
	"os"
	"testing"
)

// Every test runs behind a proxy that does not exist. It has to be there from the start, for net/http reads the environment
// once in the life of a process.
func TestMain(m *testing.M) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		_ = os.Setenv(name, "http://127.0.0.1:1")
	}
	_ = os.Unsetenv("NO_PROXY")
	_ = os.Unsetenv("no_proxy")
	os.Exit(m.Run())
}
