package postgres

import (
	"testing"

	"github.com/cloakroom-auth/cloakroom/internal/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }
