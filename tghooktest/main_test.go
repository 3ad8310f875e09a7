package tghooktest_test

import (
	"os"
	"testing"

	"github.com/tghook/tghook/tghooktest"
	"github.com/tghook/tghook/tghooktest/internal/spec"
	"github.com/tghook/tghook/tghooktest/internal/world"
)

// Every result and every update of every test must be as the Bot API has it.
func TestMain(m *testing.M) {
	tghooktest.SetPatience(limit) // a busy machine may need longer than the examples wait
	var watcher spec.Watcher
	world.Observe = watcher.Watch
	os.Exit(watcher.Report(os.Stderr, m.Run()))
}
