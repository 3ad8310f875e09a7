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
	code := m.Run()
	if watcher.Report(os.Stderr) && code == 0 {
		code = 1
	}
	os.Exit(code)
}
