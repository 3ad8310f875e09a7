package dev

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	status := m.Run()
	chromium.close()
	os.Exit(status)
}
