package tgredis_test

import (
	"flag"
	"os"
	"os/exec"
	"testing"
)

// Examples cannot skip themselves. Where redis-server is not installed, they are left out, and
// fail in CI.
func TestMain(m *testing.M) {
	flag.Parse()
	if _, err := exec.LookPath("redis-server"); err != nil && os.Getenv("CI") == "" {
		if err := flag.Set("test.skip", "^Example"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
