package tghooktest

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A machine may have no address but loopback, so no Server is started at another one here.
func TestAServerIsKnownByTheNameThatItListensAt(t *testing.T) {
	t.Parallel()
	h := &host{name: "192.0.2.1"}
	for of, ours := range map[string]bool{"192.0.2.1:8081": true, "[::ffff:192.0.2.1]": true, "192.0.2.2:8081": false} {
		assert.Equal(t, ours, h.isHost(of), of)
	}
}
