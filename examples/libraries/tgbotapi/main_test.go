package main

import (
	"testing"

	"github.com/tghook/tghook/examples/libraries/internal/trial"
)

func TestMain(m *testing.M)   { trial.Main(m, main) }
func TestTheBot(t *testing.T) { trial.Bot(t, run) }
