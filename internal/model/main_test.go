package model_test

import (
	"testing"

	"github.com/tghook/tghook/internal/test/rig"
)

func TestMain(m *testing.M) { rig.Main(m, nil) }
