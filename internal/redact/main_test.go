package redact_test

import (
	"testing"

	"github.com/tghook/tghook/internal/rig"
)

func TestMain(m *testing.M) { rig.Main(m, nil) }
