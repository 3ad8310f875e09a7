package dispatch

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Without it every look for a value would make the part of a context that can end.
func TestTheKeyOfTheContextPackageIsKnown(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	assert.NotNil(t, endKey)
	assert.NotNil(t, ctx.Value(endKey), "what the context package finds by it")
}
