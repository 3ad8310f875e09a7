package lane_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook/internal/lane"
)

func TestAKeyHasAText(t *testing.T) {
	t.Parallel()
	for text, key := range map[string]lane.Key{
		"chat:-1007": {Class: lane.Chat, ID: -1007}, "user:7": {Class: lane.User, ID: 7}, "query:7": {Class: lane.Query, ID: 7},
		"name:chat:7": {Name: "chat:7"}, "name:a b": {Name: "a b"},
	} {
		assert.Equal(t, text, key.Text())
		got, ok := lane.Parse(text)
		assert.True(t, ok)
		assert.Equal(t, key, got)
	}
	assert.Empty(t, lane.Key{}.Text())
	for _, text := range []string{"", "name:", "chat:", "chat", "chat:x", "other:7"} {
		got, ok := lane.Parse(text)
		assert.False(t, ok, text)
		assert.Zero(t, got)
	}
}
