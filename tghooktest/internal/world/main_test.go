package world

import (
	"os"
	"testing"

	"github.com/tghook/tghook/tghooktest/internal/spec"
)

// Every result and every update of every test must be as the Bot API has it.
func TestMain(m *testing.M) {
	var watcher spec.Watcher
	Observe = watcher.Watch
	os.Exit(watcher.Report(os.Stderr, m.Run()))
}
